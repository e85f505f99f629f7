"""Words a question is asked with rather than about, in English and Portuguese, folded.

They are dropped from queries only: the index keeps every word, so that a phrase of nothing but
such words can still be found.
"""

from __future__ import annotations

_ENGLISH = """
a about after again against ain all am an and any are aren as at be because been before being below
between both but by can cannot could couldn did didn do does doesn doing don down during each few
for from further had hadn has hasn have haven having he her here hers herself him himself his how i
if in into is isn it its itself just let ll m ma me might mightn more most must mustn my myself
needn no nor not now of off on once only or other our ours ourselves out over own re s same shall
shan she should shouldn so some such t than that the their theirs them themselves then there these
they this those through to too under until up ve very was wasn we were weren what when where which
while who whom whose why will with won would wouldn you your yours yourself yourselves d o y
"""

_PORTUGUESE = """
a ainda ao aos aquela aquelas aquele aqueles aquilo as ate com como da das de dela delas dele deles
do dos e ela elas ele eles em entre era eram essa essas esse esses esta estao estar estas estava
estavam este esteja estes esteve estive estiveram estou eu foi fomos for foram fosse fui ha haja
havia houve isso isto ja la lhe lhes mais mas me mesma mesmo meu meus minha minhas muita muitas
muito muitos na nao nas nem no nos nossa nossas nosso nossos num numa o onde os ou para pela pelas
pelo pelos per pois por porque pra pro qual quais quando quanta quantas quanto quantos que quem sao
se seja sem sendo ser sera seu seus sido sim so sob sobre somos sou sua suas tambem te tem temos
tenho ter teu teus teve tinha tinham tive tiveram tu tua tuas um uma umas uns voce voces vos
"""

STOP_WORDS = frozenset((_ENGLISH + _PORTUGUESE).split())
