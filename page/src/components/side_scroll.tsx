import { type ReactNode, type Ref, useImperativeHandle, useLayoutEffect, useRef, useState } from "react";
import "./side_scroll.css";

interface SideScrollProps {
  name: string;
  minWidth?: number | undefined; // of what is in it
  maxHeight?: number | undefined;
  place?: Ref<HTMLDivElement>; // what scrolls
  children: ReactNode;
}

type Edges = [left: boolean, right: boolean];

// What may be wider than its place: a shadow lies at each edge that hides something, and who has no mouse reaches it by the tab key
// and scrolls with the arrows. Where all is seen it is no stop.
export function SideScroll({ name, minWidth, maxHeight, place, children }: SideScrollProps) {
  const box = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLDivElement>(null);
  const [[left, right], setEdges] = useState<Edges>([false, false]);
  const [isTall, setTall] = useState(false);
  useImperativeHandle(place, () => box.current as HTMLDivElement);
  const measure = () => {
    const { scrollLeft, clientWidth, scrollWidth, clientHeight, scrollHeight } = box.current as HTMLDivElement;
    const now: Edges = [scrollLeft > 1, scrollLeft + clientWidth < scrollWidth - 1];
    setEdges((before) => (before[0] === now[0] && before[1] === now[1] ? before : now));
    setTall(clientHeight < scrollHeight - 1);
  };
  useLayoutEffect(() => {
    const watch = new ResizeObserver(measure);
    for (const one of [box.current, ...(inner.current?.children ?? [])]) if (one) watch.observe(one);
    return () => watch.disconnect();
  }, []);
  const scrolls = left || right || isTall;
  return (
    <div className="side-edges" data-left={left || undefined} data-right={right || undefined}>
      {(left || right) && (
        <div className="side-hint" aria-hidden>
          more →
        </div>
      )}
      <div ref={box} className="side-scroll" style={{ maxHeight }} onScroll={measure} {...(scrolls && { tabIndex: 0, role: "group", "aria-label": `${name}, scrolls` })}>
        <div ref={inner} style={{ minWidth }}>
          {children}
        </div>
      </div>
    </div>
  );
}
