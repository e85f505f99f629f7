"""The document cache and its way into Strawberry."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import strawberry
from graphql import GraphQLError, NoSchemaIntrospectionCustomRule, parse, specified_rules
from strawberry.types import ExecutionContext, ExecutionResult

from backend.graphql.limits import (
    Admission,
    DocumentCache,
    DocumentExtension,
    PreparedDocument,
    QueryLimits,
    WithoutSuggestions,
)
from tests.graphql.limits_schema import CORE, Mutation, Query, Subscription

INBOX = "query Inbox($n: Int) { conversations(first: $n) { nodes { id title } } }"


class Service:
    """A schema with its cache, and what was admitted to run."""

    def __init__(self, documents: DocumentCache | None = None, **options: Any) -> None:
        self.documents = documents or DocumentCache(QueryLimits())
        self.admitted: list[Admission] = []
        self.refuse: GraphQLError | None = None
        extension = partial(DocumentExtension, self.documents, self._on_admitted)
        self.schema = strawberry.Schema(
            Query, Mutation, Subscription, extensions=[extension], **options
        )

    def _on_admitted(self, _context: ExecutionContext, admission: Admission) -> None:
        if self.refuse:
            raise self.refuse
        self.admitted.append(admission)

    async def run(
        self, query: str, variables: dict[str, Any] | None = None, **options: Any
    ) -> ExecutionResult:
        return await self.schema.execute(query, variables, **options)

    async def refusal(self, query: str, variables: Any = None, **options: Any) -> dict[str, Any]:
        result = await self.run(query, variables, **options)
        assert result.data is None
        assert result.errors
        return {"message": result.errors[0].message, **(result.errors[0].extensions or {})}


@pytest.fixture
def service() -> Service:
    return Service()


async def test_an_answer_is_the_same_the_second_time(service: Service) -> None:
    first = await service.run(INBOX, {"n": 2})
    second = await service.run(INBOX, {"n": 2})

    assert first.errors is None
    assert first.data == second.data
    assert service.documents.count == 1


async def test_a_document_seen_before_is_neither_parsed_nor_validated(service: Service) -> None:
    await service.run(INBOX, {"n": 2})
    await service.run(INBOX, {"n": 3})

    first, second = service.admitted
    assert first.prepared is second.prepared
    assert (first.cost, second.cost) == (1 + 1 + 2, 1 + 1 + 3)


async def test_it_works_without_a_loop(service: Service) -> None:
    for _ in range(2):
        assert service.schema.execute_sync("{ hello }").data == {"hello": "hello you"}
    assert service.schema.execute_sync("{ nonsense }").errors


async def test_the_cost_is_in_the_answer_when_it_is_asked_for(service: Service) -> None:
    asked = await service.run(INBOX, {"n": 2}, operation_extensions={"cost": True})
    not_asked = await service.run(INBOX, {"n": 2})

    assert asked.extensions == {"cost": {"requested": 4, "maximum": 20_000}}
    assert not not_asked.extensions


async def test_variables_that_make_it_too_dear_refuse_the_request_alone(service: Service) -> None:
    assert (await service.run(INBOX, {"n": 2})).errors is None

    assert await service.refusal(INBOX, {"n": 50_000}) == {
        "message": "The operation takes 50002 cost points; at most 20000 are allowed.",
        "code": "LIMIT_EXCEEDED",
        "limit": "cost",
        "value": 50_002,
        "maximum": 20_000,
    }
    assert (await service.run(INBOX, {"n": 2})).errors is None


LIST_BOMB = "{" + "a{" * 12 + "b" + "}" * 12 + "}"


@strawberry.type
class Nest:
    b: int

    @strawberry.field
    def a(self) -> list[Nest]:
        BOMB_CALLS.append(1)
        return [Nest(b=1)] * 3


BOMB_CALLS: list[int] = []


@strawberry.type
class NestRoot:
    @strawberry.field
    def a(self) -> list[Nest]:
        BOMB_CALLS.append(1)
        return [Nest(b=1)] * 3


@pytest.mark.parametrize("assumed", [3, 10])
async def test_the_list_bomb_is_refused_before_anything_runs(assumed: int) -> None:
    documents = DocumentCache(QueryLimits(assumed_list_size=assumed))
    bombed = strawberry.Schema(NestRoot, extensions=[partial(DocumentExtension, documents)])
    assert len(LIST_BOMB) <= 42

    result = await bombed.execute(LIST_BOMB)

    assert result.errors
    assert result.errors[0].extensions
    assert result.errors[0].extensions["limit"] == "cost"
    assert result.errors[0].extensions["value"] >= assumed**12
    assert BOMB_CALLS == []


async def test_too_many_tokens_are_refused_while_they_are_read() -> None:
    service = Service(DocumentCache(QueryLimits(max_tokens=100)))

    assert (await service.run("{ " + "hello " * 19 + "}")).errors is None
    refused = await service.refusal("{ " + "hello " * 10_000 + "}")
    comments = await service.refusal("{ hello }" + "#\n" * 10_000)

    assert refused == comments
    assert (refused["code"], refused["limit"], refused["maximum"]) == (
        "LIMIT_EXCEEDED",
        "tokens",
        100,
    )


@pytest.mark.parametrize(
    "query", ["{", "{ hello", "query { hello(name: ) }", "é", '{ hello(name: "' + '\\u{110000}")}']
)
async def test_what_cannot_be_parsed_says_so_with_a_code(service: Service, query: str) -> None:
    assert (await service.refusal(query))["code"] == "GRAPHQL_PARSE_FAILED"
    assert service.documents.count == 0


@pytest.mark.parametrize("brackets", [250, 2400])
async def test_nested_values_are_refused_and_not_followed(service: Service, brackets: int) -> None:
    refused = await service.refusal(f"{{ hello(name: {'[' * brackets}{']' * brackets}) }}")

    assert refused["code"] == "GRAPHQL_PARSE_FAILED"


async def test_what_is_invalid_says_so_with_a_code_and_is_not_kept(service: Service) -> None:
    for _ in range(2):
        assert (await service.refusal("{ nonsense }"))["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert service.documents.count == 0


async def test_errors_stop_at_a_number(service: Service) -> None:
    result = await service.run("{ hello conversations { " + "x " * 40 + "} }")

    assert result.errors
    assert len(result.errors) == QueryLimits().max_errors + 1


async def test_several_operations_need_a_name(service: Service) -> None:
    both = "query A { hello } query B { again: hello }"

    assert await service.refusal(both) == {
        "message": "Must provide operation name if query contains multiple operations.",
        "code": "OPERATION_RESOLUTION_FAILURE",
    }
    assert (await service.run(both, operation_name="B")).data == {"again": "hello you"}
    assert (await service.run(both, operation_name="A")).data == {"hello": "hello you"}


async def test_each_operation_has_its_own_cost(service: Service) -> None:
    both = "query A { hello } query B { conversations(first: 90000) { nodes { id } } }"

    assert (await service.run(both, operation_name="A")).errors is None
    assert (await service.refusal(both, operation_name="B"))["limit"] == "cost"


async def test_a_refusal_by_the_hook_is_the_answer(service: Service) -> None:
    service.refuse = GraphQLError("Too much for now.", extensions={"code": "RATE_LIMITED"})

    assert await service.refusal("{ hello }") == {
        "message": "Too much for now.",
        "code": "RATE_LIMITED",
    }


async def test_subscriptions_go_the_same_way(service: Service) -> None:
    text = "subscription { messageAdded { content } }"
    events = [event async for event in await service.schema.subscribe(text)]
    refused = [
        event async for event in await service.schema.subscribe(f"query A {{ hello }} {text}")
    ]

    assert [event.data for event in events] == [{"messageAdded": {"content": "hello"}}]
    assert [admission.cost for admission in service.admitted] == [2]
    assert refused[0].errors


@pytest.mark.parametrize("hide", [False, True])
async def test_suggestions_are_hidden_where_that_is_wanted(hide: bool) -> None:
    documents = DocumentCache(QueryLimits(), hide_suggestions=hide)
    options = {"execution_context_class": WithoutSuggestions} if hide else {}
    service = Service(documents, **options)
    role = "query ($r: Role) { conversations { nodes { messages(role: $r) { nodes { id } } } } }"
    mistakes: list[tuple[str, dict[str, Any]]] = [
        ("{ helo }", {}),
        ('{ hello(nam: "x") }', {}),
        ("{ conversations { nodes { messages(role: USR) { nodes { id } } } } }", {}),
        ("{ conversation { nodes { id } } }", {}),
        (role, {"r": "USR"}),
    ]

    messages = [
        (await service.refusal(query, variables))["message"] for query, variables in mistakes
    ]

    assert ["Did you mean" in message for message in messages] == [not hide] * len(mistakes)


async def test_further_rules_take_part() -> None:
    rules = (*specified_rules, NoSchemaIntrospectionCustomRule)
    service = Service(DocumentCache(QueryLimits(), rules=rules))

    assert (
        "introspection" in (await service.refusal("{ __schema { queryType { name } } }"))["message"]
    )
    assert (await service.run("{ __typename }")).errors is None


def prepare(documents: DocumentCache, text: str) -> PreparedDocument:
    prepared = documents.prepare(CORE, text, parse(text))
    assert isinstance(prepared, PreparedDocument)
    return prepared


def test_the_longest_unused_document_goes_first() -> None:
    documents = DocumentCache(QueryLimits(), max_documents=2)
    for text in ("{ a: hello }", "{ b: hello }"):
        prepare(documents, text)
    assert documents.find(CORE, "{ a: hello }")

    prepare(documents, "{ c: hello }")

    assert documents.find(CORE, "{ b: hello }") is None
    assert documents.find(CORE, "{ a: hello }")
    assert documents.count == 2


def test_many_documents_stay_within_the_bound_on_tokens() -> None:
    documents = DocumentCache(QueryLimits(), max_documents=10_000, max_tokens=1_000)
    kept = []
    for number in range(150):
        kept.append(prepare(documents, f"{{ name{number}: hello }}"))
        assert documents.count * kept[0].weight <= 1_000

    assert documents.count == 1_000 // kept[0].weight


def test_long_text_weighs_more_than_its_tokens() -> None:
    documents = DocumentCache(QueryLimits(), max_tokens=1_000)

    prepare(documents, "{ hello }" + " " * 200_000)

    assert documents.count == 0


def test_the_same_document_twice_weighs_once() -> None:
    documents = DocumentCache(QueryLimits(), max_tokens=30)
    for _ in range(10):
        prepare(documents, "{ a: hello }")
    prepare(documents, "{ b: hello }")

    assert documents.count == 2


def test_another_schema_is_not_served_from_the_cache() -> None:
    documents = DocumentCache(QueryLimits())
    prepare(documents, "{ hello }")

    assert documents.find(strawberry.Schema(NestRoot)._schema, "{ hello }") is None


def test_what_later_stages_make_of_a_document_is_kept_with_it() -> None:
    documents = DocumentCache(QueryLimits())
    prepare(documents, "{ hello }").kept["plan"] = "compiled"

    found = documents.find(CORE, "{ hello }")

    assert found
    assert found.kept == {"plan": "compiled"}


def test_an_unknown_operation_is_not_admitted() -> None:
    documents = DocumentCache(QueryLimits())

    with pytest.raises(GraphQLError, match="Unknown operation named 'B'"):
        documents.admit(prepare(documents, "query A { hello }"), "B", None)
