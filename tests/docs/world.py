"""Where the commands of a document run: a directory, two real git hosts, and the program itself.

What a document calls by a reader's names is here by others: NAMES says which. Besides, `sudo` is left out, and `systemctl` and
`journalctl` are small scripts that start, reload and stop the real agent and show its log.
"""

import base64
import os
import pathlib
import random
import re
import secrets
import socket
import subprocess
import tempfile

HERE = pathlib.Path(__file__).parent
RECEIVER = "https://chat.example.org/hooks/a-secret-path"
HOOK_SECRET = "whsec_" + base64.b64encode(b"a-secret-of-the-documents-tests!").decode()


def free_port():
    """Below the ports of outgoing connections, and those that git-host takes."""
    while True:
        port = random.randrange(12000, 20000)
        with socket.socket() as found:
            try:
                found.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class World:
    def __init__(self, source, gitferry, has_hosts):
        self.source = source
        self.gitferry = gitferry
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="gfdocs-", dir="/tmp"))
        self.port = free_port()
        self.git_host = source / "tests/support/git-host"
        self.hosts = {}
        self.sides = ("internal", "external") if has_hosts else ()

    def __enter__(self):
        for name in ("home", "bin", "etc/gitferry/secrets", "run/secrets", "var/lib/gitferry", "var/backups", "out", "work"):
            (self.root / name).mkdir(parents=True)
        password = secrets.token_hex(16)
        (self.root / "host-password").write_text(password)
        (self.root / "host-password").chmod(0o600)
        for side in self.sides:
            root = self.root / side
            base = subprocess.run([self.git_host, "start", "--root", root, "--user", "bot", "--password", password],
                                  check=True, capture_output=True, text=True).stdout.strip()
            self.hosts[side] = base
            for name in ("robot", "docs"):
                subprocess.run(["git", "init", "-q", "--bare", "--initial-branch=main", root / f"repos/acme/{name}.git"],
                               check=True)
        lines = [base.split("/git")[0].replace("http://", f"http://bot:{password}@") for base in self.hosts.values()]
        (self.root / "git-credentials").write_text("".join(line + "\n" for line in lines))
        (self.root / "git-credentials").chmod(0o600)
        for tool in (HERE / "tools").iterdir():
            (self.root / "bin" / tool.name).symlink_to(tool)
        (self.root / "bin/gitferry").symlink_to(self.gitferry)
        return self

    def __exit__(self, *_):
        for side in self.hosts:
            subprocess.run([self.git_host, "stop", "--root", self.root / side], check=False)
        subprocess.run(["rm", "-rf", "--", self.root], check=False)

    def names(self):
        """What stands in a document -> what it is here; longer ones first."""
        root = str(self.root)
        internal, external = (self.hosts.get(side, "http://no-host") for side in ("internal", "external"))
        return {
            "https://gitlab.example.org/": internal + "/",
            "https://gitlab.corp/": internal + "/",
            "https://github.com/": external + "/",
            "https://gitferry.example.org/": f"http://127.0.0.1:{self.port}/",
            "127.0.0.1:8080": f"127.0.0.1:{self.port}",
            "/run/credentials/gitferry.service/secret_": f"{root}/etc/gitferry/secrets/",
            "/etc/gitferry/": f"{root}/etc/gitferry/",
            "/run/secrets/": f"{root}/run/secrets/",
            "/var/lib/gitferry": f"{root}/var/lib/gitferry",
            "/var/backups/": f"{root}/var/backups/",
            "sudo ": "",
        }

    @staticmethod
    def replaced(text, name, meant):
        # Not what is a place of the world's already.
        before = r"(?<![\w/}])" if name.startswith("/") else ""
        return re.sub(before + re.escape(name), lambda _: meant, text)

    def here(self, text):
        for name, meant in self.names().items():
            text = self.replaced(text, name, meant)
        return text

    def files_here(self, text):
        """For checks, which ask nobody: only files are others."""
        for name, meant in self.names().items():
            if name.startswith("/"):
                text = self.replaced(text, name, meant)
        return text

    def environment(self):
        return {
            "PATH": f"{self.root}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": f"{self.root}/home", "LANG": "C.UTF-8", "WORLD": str(self.root), "PORT": str(self.port), "SOURCE": str(self.source),
            "INTERNAL": self.hosts.get("internal", ""), "EXTERNAL": self.hosts.get("external", ""),
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "credential.helper",
            "GIT_CONFIG_VALUE_0": f"store --file={self.root}/git-credentials",
            "GIT_CONFIG_KEY_1": "init.defaultBranch", "GIT_CONFIG_VALUE_1": "main",
            "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org",
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""),
            "TSAN_OPTIONS": os.environ.get("TSAN_OPTIONS", ""),
        }

    def make_files(self, text, directory):
        """Those that a configuration names and that are not there, with a secret that each scheme takes."""
        for key, name in re.findall(r"\b(\w*_?file): *\"?([^\s,}\"]+)", text):
            path = pathlib.Path(directory, name)
            if path.exists() or not path.is_relative_to(self.root) or key in ("key_file", "cert_file"):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            contents = {"password_file": (self.root / "host-password").read_text(), "url_file": RECEIVER}
            path.write_text(contents.get(key, HOOK_SECRET))
            path.chmod(0o600)
        if "cert_file" in text:
            self.make_certificate(text, directory)

    def make_certificate(self, text, directory):
        names = dict(re.findall(r"\b(cert_file|key_file): *([^\s,}]+)", text))
        paths = {key: pathlib.Path(directory, name) for key, name in names.items()}
        if paths["cert_file"].exists() or not paths["cert_file"].is_relative_to(self.root):
            return
        paths["cert_file"].parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=gitferry.example.org",
                        "-keyout", paths["key_file"], "-out", paths["cert_file"]], check=True, capture_output=True)
        paths["key_file"].chmod(0o600)
