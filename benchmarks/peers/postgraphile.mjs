// PostGraphile with its usual preset over our tables in PostgreSQL.
import { createServer } from "node:http";
import { grafserv } from "postgraphile/grafserv/node";
import { makePgService } from "postgraphile/adaptors/pg";
import { postgraphile } from "postgraphile";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

const service = makePgService({ connectionString: process.argv[2], schemas: ["public"] });
const instance = postgraphile({
  extends: [PostGraphileAmberPreset],
  // Orders and conditions by every column, not by those an index begins with.
  disablePlugins: ["PgIndexBehaviorsPlugin"],
  pgServices: [service],
  grafserv: { graphqlPath: "/graphql", watch: false },
  grafast: { explain: false },
});
const http = createServer();
await instance.createServ(grafserv).addTo(http);
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
