// What went wrong, in words.
export function told(problem: unknown): string {
  return problem instanceof Error ? problem.message : String(problem);
}
