// Bytes that notice when somebody takes them. HTTP and SMTP libraries ask for the body only once the other side is ready for it,
// so a failure before that moment means: surely not delivered.
import { Readable } from "node:stream";

export function pulled(bytes: Buffer, onPull: () => void): Readable {
  return new Readable({
    read() {
      onPull();
      this.push(bytes);
      this.push(null);
    },
  });
}
