"""What can be fetched again by its id alone."""

import strawberry

from backend.graphql.fields import leaf


@strawberry.interface(description="Anything that can be fetched again by its id.")
class Node:
    id: strawberry.ID = leaf("A UUID in its usual text form, the same in REST.")
