// The files of a run: a folder at a time, and one of them to look at. The address says which: `folder` and `file`.
import { Anchor, Breadcrumbs, Code, Group, Stack, Text, Title } from "@mantine/core";
import { Link, useSearchParams } from "react-router";
import { api, type RunFile } from "../api";
import { useLive } from "../components/live";
import { Empty, Loaded } from "../components/loaded";
import { type Column, PlainTable } from "../components/plain_table";
import { bytes, number } from "../lib/format";
import { lookOf, parseTable, readableJson } from "../lib/preview";
import "./run_files.css";

const kAgainSeconds = 15;
const kPreviewBytes = 256_000; // of a text
const kPreviewRows = 100; // of a table
const kPreviewImageBytes = 20_000_000;

export function RunFiles({ run }: { run: string }) {
  const [query] = useSearchParams();
  const folder = query.get("folder") ?? "";
  const file = query.get("file") ?? "";
  const files = useLive((signal) => api.runFiles(run, folder, signal), `${run} ${folder}`, kAgainSeconds);
  const at = (change: Record<string, string>) => {
    const next = new URLSearchParams(query);
    for (const [name, value] of Object.entries(change)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    return `?${next}`;
  };
  const parts = folder.split("/").filter(Boolean);
  return (
    <section aria-label="Files">
      {parts.length > 0 && (
        <Breadcrumbs separator="/" mb="xs" className="break">
          {["", ...parts].map((part, index) =>
            index === parts.length ? (
              <Text key={index} size="sm" aria-current="page">
                {part}
              </Text>
            ) : (
              <Anchor key={index} component={Link} to={at({ folder: parts.slice(0, index).join("/"), file: "" })}>
                {part || "files"}
              </Anchor>
            ),
          )}
        </Breadcrumbs>
      )}
      <Loaded from={files}>
        {({ files: found, isMore }) =>
          found.length === 0 ? (
            <Empty title={folder ? "There is nothing in this folder." : "No file has been logged."} />
          ) : (
            <>
              <Entries run={run} folder={folder} files={found} file={file} at={at} />
              {isMore && <Text size="sm">The first {number(found.length)} entries are here.</Text>}
            </>
          )
        }
      </Loaded>
      {file && files.data && <Preview key={file} run={run} path={file} size={files.data.files.find(({ path }) => path === file)?.file_size} />}
    </section>
  );
}

const nameOf = ({ path }: RunFile) => path.slice(path.lastIndexOf("/") + 1);

function Entries({ run, folder, files, file, at }: { run: string; folder: string; files: RunFile[]; file: string; at: (change: Record<string, string>) => string }) {
  return (
    <PlainTable
      name="Files"
      minWidth={320}
      rows={files}
      keyOf={({ path }) => path}
      isCurrent={({ path }) => path === file}
      file={{ of: `files of ${run}`, call: api.runFilesPath(run, folder) }}
      columns={[
        {
          title: "Name",
          cell: (each) => (
            <Anchor component={Link} to={each.is_dir ? at({ folder: each.path, file: "" }) : at({ file: each.path })} aria-current={each.path === file || undefined}>
              {nameOf(each)}
              {each.is_dir && "/"}
            </Anchor>
          ),
          kind: "break",
          value: ["path", ({ path }) => path],
        },
        { title: "Bytes", cell: ({ is_dir, file_size }) => (is_dir ? "" : bytes(file_size)), kind: "figures", isRight: true, hint: ({ file_size }) => (file_size === undefined ? undefined : `${number(file_size)} bytes`), value: ["bytes", ({ file_size }) => file_size] },
        {
          title: "Get it",
          cell: (each) =>
            !each.is_dir && (
              <Anchor href={api.runFilePath(run, each.path)} download={nameOf(each)} aria-label={`Download ${nameOf(each)}`}>
                download
              </Anchor>
            ),
        },
      ]}
    />
  );
}

function Preview({ run, path, size }: { run: string; path: string; size: number | undefined }) {
  const look = lookOf(path);
  const name = path.slice(path.lastIndexOf("/") + 1);
  return (
    <section aria-label={`Preview of ${name}`}>
      <Group justify="space-between" mt="md" mb="xs">
        <Title order={2} size="h5" className="break">
          {path}
        </Title>
        <Anchor href={api.runFilePath(run, path)} download={name}>
          Download
        </Anchor>
      </Group>
      {look === "none" && <Text size="sm">Files of this kind are not shown here: download it.</Text>}
      {look === "image" && (size !== undefined && size > kPreviewImageBytes ? <Text size="sm">It is too large to be shown here: download it.</Text> : <img src={api.runFilePath(run, path)} alt={name} className="preview-image" />)}
      {look !== "none" && look !== "image" && size === 0 && <Text size="sm">It is empty.</Text>}
      {look !== "none" && look !== "image" && size !== 0 && <TextPreview run={run} path={path} size={size} />}
    </section>
  );
}

function TextPreview({ run, path, size }: { run: string; path: string; size: number | undefined }) {
  const beginning = useLive((signal) => api.runFileBeginning(run, path, kPreviewBytes, signal), `${run} ${path} ${size}`, Infinity);
  const look = lookOf(path);
  return (
    <Loaded from={beginning}>
      {({ text, isCut }) => (
        <Stack gap="xs">
          {look === "table" ? <TablePreview rows={parseTable(text, path.endsWith(".tsv") ? "\t" : ",", kPreviewRows + 1, isCut)} /> : text === "" ? <Text size="sm">It is empty.</Text> : <Code block className="log" tabIndex={0}>{look === "json" ? readableJson(text) : text}</Code>}
          {isCut && <Text size="sm">The first {bytes(kPreviewBytes)} are here: download it to see the rest.</Text>}
        </Stack>
      )}
    </Loaded>
  );
}

function TablePreview({ rows }: { rows: string[][] }) {
  const [names = [], ...body] = rows;
  if (names.length === 0) return <Text size="sm">It is empty.</Text>;
  return (
    <>
      <PlainTable
        name="Rows of the file"
        minWidth={120 * names.length}
        maxHeight={480}
        rows={body}
        keyOf={(_, at) => at}
        columns={names.map((name, at): Column<string[]> => ({ title: name, cell: (row) => row[at], kind: "figures", value: [name, (row) => row[at]] }))}
      />
      {body.length === kPreviewRows && <Text size="sm">The first {kPreviewRows} rows.</Text>}
    </>
  );
}
