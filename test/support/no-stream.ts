// Streams that nobody listens to: for tests that are not about them.
export const NO_STREAM = {
  riskUrl: "ws://127.0.0.1:9",
  listenKeyPath: "/sapi/v1/margin/listen-key",
  userUrl: "ws://127.0.0.1:9",
  listenTokenPath: "/sapi/v1/userListenToken",
} as const;
