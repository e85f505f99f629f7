"""What each operation of REST costs, in the points of GraphQL: an object of an answer is one.

A request says little of what it makes, so each operation has one price, about what it costs with
its default page.
"""

from __future__ import annotations

PRICES = {
    "listChats": 50,
    "createChat": 20,
    "readChat": 20,
    "updateChat": 10,
    "deleteChat": 10,
    "readContext": 100,
    "search": 50,
    "listMessages": 50,
    "addMessages": 50,
    "readMessage": 5,
    "updateMessage": 10,
    "deleteMessage": 10,
    "listSiblings": 10,
    "selectBranch": 10,
    "forkChat": 200,
    "listVersions": 10,
    "readFeedback": 5,
    "setFeedback": 10,
    "startMessage": 20,
    "appendToMessage": 5,
    "finishMessage": 10,
    "followChat": 50,
    "importChats": 2000,
    "exportChats": 2000,
    "exportChat": 200,
    "readHealth": 0,
}
UNTIMED = ("importChats",)
"""Operations that last as long as their body does: the time of the others is limited."""
