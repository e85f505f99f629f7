"""Operations compiled into Python functions once, and executed by them from then on."""
