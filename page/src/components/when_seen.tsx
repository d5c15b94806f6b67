import { type ReactNode, useEffect, useRef, useState } from "react";

const kAheadPx = 300; // before it is scrolled to

// What asks the server only once it is nearly seen: the lower parts of a long screen.
export function WhenSeen({ children }: { children: ReactNode }) {
  const place = useRef<HTMLDivElement>(null);
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    if (!place.current || isSeen) return;
    const watcher = new IntersectionObserver(([entry]) => entry?.isIntersecting && setSeen(true), { rootMargin: `${kAheadPx}px` });
    watcher.observe(place.current);
    const all = () => setSeen(true);
    window.addEventListener("beforeprint", all);
    return () => {
      watcher.disconnect();
      window.removeEventListener("beforeprint", all);
    };
  }, [isSeen]);
  return isSeen ? children : <div ref={place} className="when-seen" />;
}
