"""What turns text into vectors, whichever it is."""

from __future__ import annotations

from typing import Protocol

from backend.retrieval.vectors import Vector


class EmbedderUnavailable(Exception):
    """It cannot be asked now; the same request may succeed later."""


class EmbedderRejected(Exception):
    """It was asked for something it does not do; the same request fails again."""


class Embedder(Protocol):
    """A model. Vectors of one ``model_id`` can be compared with each other and with no others."""

    @property
    def model_id(self) -> str:
        """Names the model, its weights, and the form in which it is given texts."""

    @property
    def dimensions(self) -> int:
        """The length of every vector."""

    async def embed_passages(self, texts: list[str]) -> Vector:
        """A row of length 1 for each text to be found; raises EmbedderUnavailable or -Rejected."""

    async def embed_query(self, text: str) -> Vector:
        """One vector of length 1 for what is looked for; raises as ``embed_passages`` does."""


# Ordinary sentences of a chat in the form of passages. The mean of their vectors tells which way a
# model leans, as well as the mean of a real corpus does, before there is a corpus.
_ORDINARY = """
User: How do I write a loop in Python that reads a file line by line?
Assistant: Here is a short example; note that the file is closed at the end.
User: Can you help me plan a trip to the mountains next month?
Assistant: Of course. How many days do you have, and what is your budget?
Ana: My sister is coming over for dinner on Friday.
Ben: That sounds lovely, what are you going to cook?
User: Summarise this article in three sentences.
Assistant: The text argues that prices rose because supply fell.
Clara: I started a new job at the hospital last week.
User: What is the difference between TCP and UDP?
Assistant: One guarantees the order of what arrives, the other does not.
David: Did you see the game yesterday? We won at last!
User: Translate the following sentence into English.
Assistant: I am sorry, I cannot open links, but you can paste the text here.
User: Thanks, that worked!
Assistant: You're welcome. Tell me if anything else comes up.
User: Como faço para instalar o programa no meu computador?
Assistant: Primeiro baixe o arquivo e depois siga os passos abaixo.
Maria: Ontem fui ao médico e ele pediu alguns exames.
João: Espero que esteja tudo bem com você.
User: Quais são os documentos necessários para abrir uma empresa?
Assistant: Você vai precisar do contrato social e de um comprovante de endereço.
Pedro: As crianças adoraram o parque e querem voltar no domingo.
User: Escreva um poema curto sobre o mar.
User: The build fails with an error in line 42, what is wrong?
Assistant: The variable is used before it is assigned; move it above the condition.
Emma: I finally finished reading that book you gave me.
Frank: My dog has learned a new trick.
User: Give me a recipe for a vegetarian soup.
Assistant: Chop the onions, fry them gently and add the carrots.
Grace: We are thinking of buying a house near the lake.
User: Qual é a capital da Austrália?
"""


def ordinary_sentences() -> list[tuple[str, str]]:
    """Speaker and text of each."""
    pairs = (line.partition(": ") for line in _ORDINARY.strip().splitlines())
    return [(speaker, text) for speaker, _, text in pairs]
