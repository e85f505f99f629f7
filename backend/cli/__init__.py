"""The command line: `python app.py VERB`; without a verb it serves."""
