// What a chat application written with Relay asks: pages of both lists, a mutation, a subscription.
import { graphql } from 'relay-runtime'

export const chats = graphql`
  query ChatsQuery($conversation: ID!, $search: String!) {
    ...Chats_list
    node(id: $conversation) { ...Chats_thread @alias(as: "thread") }
    search(query: $search, first: 10) { edges { node { snippet highlights { start end } message { ...Chats_message } } } }
    viewer { name scopes }
  }
`

export const list = graphql`
  fragment Chats_list on Query
  @refetchable(queryName: "ChatsListQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "Cursor" }) {
    conversations(first: $count, after: $cursor, orderBy: { field: TITLE, direction: ASC })
    @connection(key: "Chats_conversations") {
      edges { node { id title pinned tags lastMessage { ...Chats_message } } }
    }
  }
`

export const thread = graphql`
  fragment Chats_thread on Conversation
  @refetchable(queryName: "ChatsThreadQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 50 }, cursor: { type: "Cursor" }) {
    title
    messages(last: $count, before: $cursor) @connection(key: "Chats_messages") {
      edges { node { ...Chats_message } }
    }
  }
`

export const happened = graphql`
  fragment Chats_happened on Conversation
  @refetchable(queryName: "ChatsHappenedQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 50 }, cursor: { type: "Cursor" }) {
    changes(first: $count, after: $cursor) @connection(key: "Chats_changes") {
      edges { node { __typename ... on MessageDelta { messageId offset text } } }
    }
  }
`

export const message = graphql`
  fragment Chats_message on Message {
    role
    content
    createdAt
    siblingIndex
    siblingCount
    parts { __typename ... on TextPart { text } ... on ToolCallPart { name arguments } }
  }
`

export const add = graphql`
  mutation ChatsAddMutation($input: AddMessageInput!, $connections: [ID!]!) {
    addMessage(input: $input) {
      message @appendNode(connections: $connections, edgeTypeName: "MessageEdge") { ...Chats_message }
      conversation { messageCount }
      userErrors { code message field }
    }
  }
`

export const remove = graphql`
  mutation ChatsDeleteMutation($input: DeleteMessageInput!) {
    deleteMessage(input: $input) { deletedMessageIds @deleteRecord userErrors { code } }
  }
`

export const events = graphql`
  subscription ChatsEventsSubscription($conversation: ID!, $after: Cursor) {
    conversationEvents(conversationId: $conversation, after: $after) {
      __typename
      ... on MessageAdded { cursor message { ...Chats_message } }
      ... on MessageDelta { cursor messageId offset text }
    }
  }
`
