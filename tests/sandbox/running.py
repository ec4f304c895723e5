"""running.py: a sandbox that was started on a port of its own, and its control."""
import http.client
import json
import os
import subprocess
import urllib.parse

WAIT_S = 20


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def error(self):
        return self.json["error"]


class Running:
    def __init__(self, program, options, env, listen="127.0.0.1:0"):
        self.process = subprocess.Popen([program, "--listen", listen, *options],
                                        env={**os.environ, **env}, stdout=subprocess.PIPE,
                                        text=True)
        self.where = self.process.stdout.readline().strip().rpartition(" ")[2]
        self.port = urllib.parse.urlsplit(self.where).port if "http" in self.where else None

    def stop(self):
        self.process.terminate()
        status = self.process.wait(WAIT_S)
        self.process.stdout.close()
        return status

    def connect(self, timeout=WAIT_S):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method, path, body=None, headers=None, connection=None, timeout=WAIT_S):
        own = connection is None
        connection = connection or self.connect(timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            if own:
                connection.close()

    def control(self, method, path, given=None, status=200):
        answer = self.ask(method, "/_control" + path, None if given is None else
                          json.dumps(given), {"Content-Type": "application/json"},
                          timeout=3 * WAIT_S)
        assert answer.status == status, answer.text
        return answer.json
