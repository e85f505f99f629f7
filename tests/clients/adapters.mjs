// The clients under one face: query, mutate and follow. What connects them is the documentation's.
import { gql } from "@apollo/client";

// Clients that send operations of every kind the same way, and tell results to a sink.
function overSubscribe(client) {
  const once = (query, variables) =>
    new Promise((resolve, reject) => {
      let result;
      client.subscribe({ query, variables }, {
        next: (value) => (result = value),
        error: (error) => reject(new Error(JSON.stringify(error))),
        complete: () => (result.errors ? reject(new Error(JSON.stringify(result.errors))) : resolve(result.data)),
      });
    });
  const follow = (query, variables, onData) =>
    client.subscribe({ query, variables }, {
      next: ({ data }) => onData(data),
      error: console.error,
      complete() {},
    });
  return { query: once, mutate: once, follow };
}

const apollo = (client) => ({
  query: async (query, variables) => (await client.query({ query: gql(query), variables })).data,
  mutate: async (mutation, variables) =>
    (await client.mutate({ mutation: gql(mutation), variables })).data,
  follow: (query, variables, onData) =>
    client.subscribe({ query: gql(query), variables }).subscribe({
      next: ({ data }) => onData(data),
      error: console.error,
    }),
});

async function answered(source) {
  const { data, error } = await source.toPromise();
  if (error) throw error;
  return data;
}

export const adapters = {
  async "graphql-ws"(module, url) {
    return overSubscribe((await module("graphql-ws")).connect(url));
  },
  async "graphql-sse"(module, url) {
    return overSubscribe((await module("graphql-sse")).connect(url));
  },
  async apollo(module, url) {
    return apollo((await module("apollo")).connect(url));
  },
  async "apollo-multipart"(module, url) {
    const { connect, follow } = await module("apollo-multipart");
    const client = connect(url);
    return {
      ...apollo(client),
      follow: (query, variables, onData) => follow(client, gql(query), variables, onData),
    };
  },
  async urql(module, url) {
    const client = (await module("urql")).connect(url);
    return {
      query: (query, variables) => answered(client.query(query, variables)),
      mutate: (mutation, variables) => answered(client.mutation(mutation, variables)),
      follow: (query, variables, onData) =>
        client.subscription(query, variables).subscribe(({ data }) => data && onData(data)),
    };
  },
};
