// Which addresses nobody but this very machine can reach.

/** Does the host name this very machine? Takes URL host names, so IPv6 with or without brackets. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}
