// What people write about a model, as they write it elsewhere. Raw HTML in it stays text, and pictures become links: nothing is
// fetched from another host.
import { Anchor, Table } from "@mantine/core";
import Markdown, { type Components } from "react-markdown";
import gfm from "remark-gfm";
import { SideScroll } from "../components/side_scroll";
import "./markdown.css";

const kParts: Components = {
  a: ({ href, children }) => (
    <Anchor href={href} target="_blank" rel="noreferrer">
      {children}
    </Anchor>
  ),
  img: ({ src, alt }) => (
    <Anchor href={typeof src === "string" ? src : undefined} target="_blank" rel="noreferrer">
      {alt || "picture"}
    </Anchor>
  ),
  table: ({ children }) => (
    <SideScroll name="Table" minWidth={320}>
      <Table>{children}</Table>
    </SideScroll>
  ),
  // The screen has the larger ones.
  h1: ({ children }) => <h3>{children}</h3>,
  h2: ({ children }) => <h4>{children}</h4>,
  h3: ({ children }) => <h5>{children}</h5>,
  h4: ({ children }) => <h6>{children}</h6>,
  h5: ({ children }) => <h6>{children}</h6>,
  input: ({ checked }) => <>{checked ? "☑ " : "☐ "}</>,
};

export default function Written({ text }: { text: string }) {
  return (
    <div className="written">
      <Markdown remarkPlugins={[gfm]} components={kParts}>
        {text}
      </Markdown>
    </div>
  );
}
