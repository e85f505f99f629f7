// Builds backend/static/playground/ from npm packages of exact versions; the same input gives the same bytes.
// `node build.mjs` writes the files; `node build.mjs --check` only compares them with those on disk.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const target = fileURLToPath(new URL("../backend/static/playground/", import.meta.url));

// GraphiQL's style sheet carries 360 kB of web fonts; the reader's own fonts do as well.
const systemFonts = {
  name: "system-fonts",
  setup({ onLoad }) {
    onLoad({ filter: /graphiql[/\\]dist[/\\]style\.css$/ }, ({ path }) => {
      const css = readFileSync(path, "utf8")
        .replace(/@font-face\s*\{[^}]*\}/g, "")
        .replace('"Roboto",sans-serif', "system-ui,sans-serif")
        .replace('"Fira Code",monospace', "ui-monospace,monospace");
      if (/@font-face|Roboto|Fira Code/.test(css)) throw new Error(`fonts left in ${path}`);
      return { contents: css, loader: "css" };
    });
  },
};

async function bundle() {
  return build({
    absWorkingDir: here,
    entryPoints: { graphiql: "src/main.js" },
    outdir: target,
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    keepNames: true, // GraphiQL makes the names of its icons from the names of functions
    format: "iife",
    target: "es2020",
    charset: "utf8",
    legalComments: "none",
    define: { "process.env.NODE_ENV": '"production"', "process.env.USE_IMPORT": '"true"' },
    alias: { "react-style-singleton": "./src/no-style-elements.js" },
    plugins: [systemFonts],
  });
}

// "node_modules/@scope/name/lib/x.js" → "node_modules/@scope/name", whatever the nesting.
function packageFolder(path) {
  return path.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//)?.[1];
}

function licenceOf(folder) {
  const { name, version, license, author } = JSON.parse(readFileSync(join(here, folder, "package.json")));
  const file = readdirSync(join(here, folder)).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file
    ? readFileSync(join(here, folder, file), "utf8").trim()
    : `By ${author?.name ?? author ?? "its contributors"}. The package carries no text of its licence.`;
  return `${name} ${version} (${license})\n\n${text.replaceAll("\r\n", "\n")}\n`;
}

function licences(metafile) {
  const folders = new Set(Object.keys(metafile.inputs).map(packageFolder).filter(Boolean));
  const texts = [...new Set([...folders].map(licenceOf))].sort();
  const heading = "What graphiql.js and graphiql.css are made of, and under which licences.\n";
  return [heading, ...texts].join(`\n${"-".repeat(80)}\n\n`);
}

const { outputFiles, metafile } = await bundle();
const files = new Map(outputFiles.map((file) => [basename(file.path), Buffer.from(file.contents)]));
files.set("LICENSES.txt", Buffer.from(licences(metafile)));
const sum = (bytes) => createHash("sha256").update(bytes).digest("hex");
const sums = [...files].map(([name, bytes]) => `${sum(bytes)}  ${name}\n`).sort();
files.set("SHA256SUMS", Buffer.from(sums.join("")));

if (process.argv.includes("--check")) {
  const same = ([name, bytes]) => existsSync(target + name) && bytes.equals(readFileSync(target + name));
  const different = [...files].filter((file) => !same(file)).map(([name]) => name);
  for (const name of different) console.error(`not what the sources give: ${target}${name}`);
  if (different.length) process.exit(1);
  console.log(`${files.size} files are byte for byte what the sources give`);
} else {
  for (const [name, bytes] of files) writeFileSync(target + name, bytes);
  console.log(`${files.size} files written to ${target}`);
}
