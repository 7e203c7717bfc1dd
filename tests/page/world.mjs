// Two real git hosts with a gate between the agent and the target, the agent between them, and a browser in front.

import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const patience_ms = 30_000;

/** Asks until `condition` gives something true, and gives that; throws after half a minute. */
export async function eventually(what, condition) {
  const deadline = Date.now() + patience_ms;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const listening = (server) =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));

/** In front of a port: passes everything, or, once it is closed, only the first bytes of each connection towards it; or nothing. */
class Gate {
  #is_closed = false;
  #is_cut = false;
  #held = new Set();
  #open = new Set();

  static async in_front_of(port, allowance) {
    const gate = new Gate();
    gate.server = net.createServer((near) => {
      if (gate.#is_cut) near.destroy();
      else gate.#join(near, net.connect(port, "127.0.0.1"), allowance);
    });
    gate.port = await listening(gate.server);
    return gate;
  }

  #join(near, far, allowance) {
    let passed = 0;
    for (const socket of [near, far]) {
      this.#open.add(socket);
      socket.on("close", () => this.#open.delete(socket));
      socket.on("error", () => [near, far].forEach((each) => each.destroy()));
    }
    far.pipe(near);
    near.on("end", () => far.end());
    near.on("data", (bytes) => {
      passed += bytes.length;
      far.write(bytes);
      if (!this.#is_closed || passed < allowance) return;
      near.pause();
      this.#held.add(near);
    });
  }

  close() {
    this.#is_closed = true;
  }
  open() {
    this.#is_closed = false;
    for (const socket of this.#held) socket.resume();
    this.#held.clear();
  }
  /** As a host that is away: every connection ends at once, until it is mended. */
  cut() {
    this.#is_cut = true;
    for (const socket of this.#open) socket.destroy();
  }
  mend() {
    this.#is_cut = false;
  }
  stop() {
    this.server.close();
    for (const socket of this.#open) socket.destroy();
  }
}

/** A proxy that serves the agent below a prefix, as nginx would; it can be told that the agent is gone. */
export class PrefixProxy {
  is_agent_there = true;

  static async in_front_of(target, prefix) {
    const proxy = new PrefixProxy();
    proxy.server = http.createServer((request, response) => {
      if (!proxy.is_agent_there || !request.url.startsWith(prefix)) return response.writeHead(502).end("gone");
      const { method, headers } = request;
      const inner = http.request(target + request.url.slice(prefix.length), { method, headers }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      inner.on("error", () => response.writeHead(502).end());
      request.pipe(inner);
    });
    proxy.address = `http://127.0.0.1:${await listening(proxy.server)}${prefix}/`;
    return proxy;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

const git_environment = {
  PATH: process.env.PATH,
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.org",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.org",
};

export class World {
  tokens = {
    reader: "a-token-of-the-page-test-that-reads",
    operator: "a-token-of-the-page-test-that-syncs",
    admin: "a-token-of-the-page-test-that-does-all",
  };
  roles = { reader: "read", operator: "operate", admin: "admin" };
  directory = mkdtempSync(join(tmpdir(), "gitferry-page."));
  #agent = null;

  constructor({ gitferry, source }) {
    this.gitferry = gitferry;
    this.git_host = join(source, "tests/support/git-host");
  }

  path(...names) {
    return join(this.directory, ...names);
  }
  run(program, ...parameters) {
    return execFileSync(program, parameters, { env: git_environment, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
  }
  #secret(name, value) {
    writeFileSync(this.path(name), value, { mode: 0o600 });
    return this.path(name);
  }

  async start({ with_agent = true } = {}) {
    mkdirSync(this.path("data"), { mode: 0o700 });
    this.#secret("hook", "hook-secret-of-the-page-test");
    for (const [name, value] of Object.entries(this.tokens)) this.#secret(name, value);
    this.hosts = {};
    for (const name of ["internal", "external"]) {
      const url = this.run(this.git_host, "start", "--root", this.path(name)).trim();
      this.hosts[name] = { url, port: Number(new URL(url).port), repository: this.path(name, "repos", "robot.git") };
      this.run("git", "init", "-q", "--bare", "--initial-branch=main", this.hosts[name].repository);
    }
    this.gate = await Gate.in_front_of(this.hosts.external.port, 64 * 1024);
    this.write_config([]);
    if (with_agent) await this.start_agent();
  }

  /** `branches`: pairs of names. Without any, nothing is bound. */
  write_config(branches) {
    this.branches = branches;
    const external = `http://127.0.0.1:${this.gate.port}/git/robot.git`;
    const bound = branches.map(([inside, outside]) => `      - {internal: "${inside}", external: "${outside}"}\n`);
    const repositories = `
repos:
  - name: robot
    internal: ${this.hosts.internal.url}/robot.git
    external: ${external}
    direction: to_outer
    webhook:
      internal: {provider: github, secret_file: ${this.path("hook")}}
    branches:
${bound.join("")}`;
    writeFileSync(this.path("gitferry.yaml"), `version: 1
server: {listen: "127.0.0.1:0"}
storage: {url: "sqlite:${this.path("data", "gitferry.db")}"}
auth:
  tokens:
${Object.entries(this.roles).map(([name, role]) => `    - {name: ${name}, role: ${role}, token_file: ${this.path(name)}}\n`).join("")}sync: {sync_dir: ${this.path("spool")}, reconcile_interval: off}
network: {allow_schemes: [http], allow_cidrs: [127.0.0.0/8]}
${branches.length === 0 ? "" : repositories}`);
  }

  async start_agent() {
    const log = this.path("gitferry.log");
    this.#agent = spawn("sh", ["-c", 'exec "$1" serve --config "$2" 2>>"$3"', "sh", this.gitferry,
      this.path("gitferry.yaml"), log], { env: git_environment, stdio: "ignore" });
    const line = await eventually("the agent is ready", () => {
      if (this.#agent.exitCode !== null) throw new Error(`the agent ended: ${this.log()}`);
      return this.log().split("\n").find((each) => each.includes("gitferry is ready"));
    });
    this.url = `http://${JSON.parse(line).listen}`;
  }
  reload() {
    this.#agent.kill("SIGHUP");
  }
  /** As the agent has it. */
  role_of(name) {
    const header = `Authorization: Bearer ${this.tokens[name]}`;
    return JSON.parse(this.run("curl", "-sS", "-H", header, `${this.url}/cerobot/sync/whoami`)).data?.role;
  }
  log() {
    try {
      return readFileSync(this.path("gitferry.log"), "utf8");
    } catch {
      return "";
    }
  }

  /** Another repository at both hosts; its addresses. */
  add_repository(name) {
    const addresses = {};
    for (const [host, { url }] of Object.entries(this.hosts)) {
      this.run("git", "init", "-q", "--bare", "--initial-branch=main", this.path(host, "repos", `${name}.git`));
      addresses[host] = `${url}/${name}.git`;
    }
    const { repository } = this.hosts.internal;
    const copy = this.path("internal", "repos", `${name}.git`);
    this.run("git", `--git-dir=${repository}`, "push", "-q", copy, "main:main", "main:topic/x");
    return addresses;
  }
  /** A commit with `size` bytes that do not compress, on top of the branch; its id. */
  commit(host, branch, message, size = 10) {
    const { repository } = this.hosts[host];
    const git = (input, ...words) =>
      execFileSync("git", [`--git-dir=${repository}`, ...words], { env: git_environment, encoding: "utf8", input }).trim();
    const ref = `refs/heads/${branch}`;
    const before = this.tip(host, branch);
    const bytes = size > 10 ? randomBytes(size) : message;
    const blob = git(bytes, "hash-object", "-w", "--stdin");
    const tree = git(`100644 blob ${blob}\tfile\n`, "mktree");
    const commit = git(message, "commit-tree", tree, ...(before === null ? [] : ["-p", before]));
    git("", "update-ref", ref, commit);
    return commit;
  }
  tip(host, branch) {
    try {
      return this.run("git", `--git-dir=${this.hosts[host].repository}`, "rev-parse", "--verify", "-q", `refs/heads/${branch}`).trim();
    } catch {
      return null;
    }
  }
  /** The target refuses pushes to the branch, saying this. */
  refuse_pushes(branch, said) {
    const hook = join(this.hosts.external.repository, "hooks", "update");
    writeFileSync(hook, `#!/bin/sh\n[ "$1" != "refs/heads/${branch}" ] || { echo '${said}' >&2; exit 1; }\n`);
    chmodSync(hook, 0o755);
  }
  /** What the internal host would send, signed. */
  deliver(branch) {
    return this.run(this.gitferry, "send-webhook", "--config", this.path("gitferry.yaml"), "--url", this.url, "--provider",
      "github", "--repo", "robot", "--side", "internal", "--ref", branch, "--after", this.tip("internal", branch));
  }

  stop() {
    this.gate?.stop();
    this.#agent?.kill("SIGKILL");
    for (const name of ["internal", "external"]) {
      try {
        this.run(this.git_host, "stop", "--root", this.path(name));
      } catch {
        // It was never started.
      }
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Debian's browser, driven by what `./dev test` installed. */
export async function launch_browser(driver) {
  let playwright;
  try {
    playwright = createRequire(resolve(driver, "page_test.js"))("playwright-core");
  } catch (error) {
    throw new Error(`no playwright-core below ${driver}: \`./dev test\` installs it from npm (${error.message})`);
  }
  return playwright.chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: process.getuid() === 0 ? ["--no-sandbox"] : [],
  });
}
