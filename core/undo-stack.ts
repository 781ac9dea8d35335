/** What has to be taken back, newest first: at the end, and when a start fails half-way. */
export class UndoStack {
  readonly #steps: (() => unknown)[] = [];

  /** @param undo may return, or promise, an array of lines about what stays behind */
  push(undo: () => unknown): void {
    this.#steps.push(undo);
  }

  /** Takes everything back; a step that fails does not keep the others from it. @returns what stays behind, or went wrong */
  async run(): Promise<string[]> {
    const lines: string[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        const left = await step();
        if (Array.isArray(left)) lines.push(...left.map(String));
      } catch (error) {
        lines.push(error instanceof Error ? error.message : String(error));
      }
    }
    return lines;
  }
}
