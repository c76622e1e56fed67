import { expect, test } from "vitest";
import { parseSmtpUrl, tlsProblem } from "./smtp-url.ts";

test.each([
  ["smtp://mail.example.com", { host: "mail.example.com", port: 587, isSecure: false, login: undefined }],
  ["smtps://mail.example.com", { host: "mail.example.com", port: 465, isSecure: true, login: undefined }],
  ["smtp://localhost:25/", { host: "localhost", port: 25, isSecure: false, login: undefined }],
  ["SMTP://[::1]:2525", { host: "::1", port: 2525, isSecure: false, login: undefined }],
])("%s", (url, server) => {
  expect(parseSmtpUrl(url)).toEqual(server);
});

test.each([
  ["smtps://user:pass@h.test", "user", "pass"],
  ["smtps://a%40b.test:p%3A%2Fs%25@h.test", "a@b.test", "p:/s%"],
  ["smtps://user:p%C3%B6@h.test", "user", "pö"],
  ["smtps://user:a+b@h.test", "user", "a+b"],
])("%s holds its credentials percent-encoded", (url, user, password) => {
  const login = parseSmtpUrl(url)?.login;
  expect([login?.user, login?.password.reveal()]).toEqual([user, password]);
});

test.each([
  "",
  "mail.example.com",
  "mailto:ops@example.com",
  "smtp://",
  "smtp://user@h.test",
  "smtp://:pass@h.test",
  "smtp://user:100%@h.test",
  "smtp://h.test/path",
  "smtp://h.test?tls=none",
  "smtp://h.test#x",
  "smtp://h.test:99999",
  "smtp://h test",
])("%j is no mail server", (url) => {
  expect(parseSmtpUrl(url)).toBeUndefined();
});

test.each([
  ["smtp://u:p@h.test", "starttls", undefined],
  ["smtp://h.test", "none", undefined],
  ["smtp://u:p@localhost", "none", undefined],
  ["smtp://u:p@127.0.0.2", "none", undefined],
  ["smtp://u:p@[::1]", "none", undefined],
  ["smtp://u:p@h.test", "none", /show the password/],
  ["smtp://u:p@127.0.0.1.evil.test", "none", /show the password/],
  ["smtps://h.test", "none", /encrypted from the start/],
] as const)("%s with tls: %s", (url, tls, problem) => {
  const server = parseSmtpUrl(url);
  expect(server && tlsProblem(server, tls)).toEqual(problem === undefined ? undefined : expect.stringMatching(problem));
});
