// Something that takes its time and is asked for again and again: one at a time, and once more after the last when it was
// asked for meanwhile.
export class OneAtATime {
  private isRunning = false;
  private isWanted = false;
  private pause: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly start: () => void,
    private readonly pauseMs: number, // between two
  ) {}

  ask() {
    if (this.isRunning || this.pause !== undefined) {
      this.isWanted = true;
      return;
    }
    this.isRunning = true;
    this.start();
  }

  // Also of one that somebody else has started.
  begun() {
    this.isRunning = true;
    this.isWanted = false;
  }

  ended() {
    this.isRunning = false;
    clearTimeout(this.pause);
    this.pause = setTimeout(() => {
      this.pause = undefined;
      if (this.isWanted && !this.isRunning) {
        this.isWanted = false;
        this.ask();
      }
    }, this.pauseMs);
  }

  stop() {
    clearTimeout(this.pause);
    this.pause = undefined;
    this.isWanted = false;
    this.isRunning = false;
  }
}
