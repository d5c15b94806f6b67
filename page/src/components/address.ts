// What the address says behind its question mark, and how one part of it is changed while the others stay.
import { useSearchParams } from "react-router";

// An empty value takes the part away. What one types leaves no trail to go back along.
export function useAddress(): [URLSearchParams, (changes: Record<string, string>) => void] {
  const [query, setQuery] = useSearchParams();
  const change = (changes: Record<string, string>) =>
    setQuery(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [name, value] of Object.entries(changes)) {
          if (value) next.set(name, value);
          else next.delete(name);
        }
        return next;
      },
      { replace: true },
    );
  return [query, change];
}
