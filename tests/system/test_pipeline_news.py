"""Who is named under a pipeline's `notify:` hears that it failed, works again, waits for a person or is late: as a webhook, in Slack's format and by a real Alertmanager."""
import json

import requests
from conftest import Server, eventually
from test_alert_routes import MailServer, alertmanager, drain
from test_registry import Receiver

NOTIFY = """
project: news
pipelines:
  train:
    params: {{code: "1"}}
    notify: {{failed: [hook, chat, pager, mail], refused: hook, succeeded: quiet, waiting: hook, late: hook}}
    steps:
      - {{name: fit, run: "echo fitting; exit {{code}}", code: []}}
  ask:
    notify: {{waiting: hook}}
    steps:
      - {{name: ship, approve: "Ship <it>?"}}
      - {{name: shipped, run: "true", after: [ship]}}
  slow:
    notify: {{late: hook}}
    steps:
      - {{name: wait, run: "sleep 600"}}
schedules:
  often: {{pipeline: slow, every: 1s, overlap: forbid, finish_within: 1s}}
routes:
  hook: {{webhook: "{hook}"}}
  quiet: {{webhook: "{quiet}"}}
  chat: {{slack: "{chat}"}}
  pager: {{alertmanager: "{pager}"}}
  mail: {{email: ops@example.org, from: slipway@example.org, smtp: "{mail}", tls: none}}
"""


def test_pipelines_tell_what_became_of_them(tmp_path):
    hook, chat, quiet, post = Receiver(), Receiver(), Receiver(), MailServer()
    flags = ["--alert-repeat-seconds=1", "--webhook-allow-private=true", "--webhook-schemes=http", "--webhook-timeout-seconds=30"]
    heard: list[dict] = []

    def wait_for(event: str, **members) -> dict:
        def look():
            heard.extend(json.loads(body) for _, body in drain(hook))
            return next((news for news in heard if news["event"] == event and all(news["pipeline"].get(k) == v for k, v in members.items())), None)
        return eventually(look)

    with alertmanager(tmp_path) as am:
        server = Server(tmp_path / "data", *flags)
        try:
            file = tmp_path / "slipway.yaml"
            text = NOTIFY.format(hook=hook.url, quiet=quiet.url, chat=chat.url, pager=am.url, mail=post.url)
            file.write_text(text.replace("failed: [hook,", "failed: [nobody,"))
            refused = server.cli("apply", str(file), check=False)
            assert refused.returncode == 1 and "pipeline=train route=nobody" in refused.stderr, refused.stderr
            file.write_text(text.replace("waiting: hook, late: hook}\n    steps:\n      - {name: fit", "explodes: hook}\n    steps:\n      - {name: fit"))
            refused = server.cli("apply", str(file), check=False)
            assert refused.returncode == 1 and "notify=explodes known=failed, refused, succeeded, waiting, late" in refused.stderr and "line 6" in refused.stderr, refused.stderr
            file.write_text(text)
            server.cli("apply", str(file))

            assert server.cli("run", "train", check=False).returncode == 1
            failed = wait_for("pipeline.failed")["pipeline"]
            assert failed["pipeline"] == "train" and "fit" in failed["reason"] and failed["run"], failed
            assert "routes" not in failed
            sender, readers, mail = post.mails.get(timeout=60)
            assert mail["Subject"] == "[critical] train failed" and failed["run"] in mail.get_content()
            said = chat.got.get(timeout=60)[1].decode()
            assert "*train failed*" in said and failed["run"] in said

            def firing():
                return [a["labels"] for a in requests.get(am.url + "/api/v2/alerts", timeout=60).json()]
            eventually(lambda: firing() == [{"alertname": "PipelineFailed", "pipeline": "train", "severity": "critical"}])
            am.stop()
            am.start()  # it has forgotten, and hears of it again
            eventually(lambda: len(firing()) == 1)
            server.kill()
            server = Server(tmp_path / "data", *flags)
            server.cli("run", "train", "--param", "code=0")
            recovered = wait_for("pipeline.recovered")["pipeline"]
            assert recovered["failing_since"] == failed["time"] and recovered["run"] != failed["run"]
            eventually(lambda: firing() == [])
            again = post.mails.get(timeout=60)[2]
            assert again["Subject"] == "[resolved] train succeeded again" and again["References"] == mail["References"]
            assert b"pipeline.recovered" in quiet.got.get(timeout=60)[1], "it asked for what succeeds"
            server.cli("run", "train", "--param", "code=0", "--no-cache")
            assert b"pipeline.succeeded" in quiet.got.get(timeout=60)[1]
            assert server.cli("run", "train", "--param", "code=3", check=False).returncode == 3
            wait_for("pipeline.refused")
            assert [news["event"] for news in heard if news["pipeline"]["pipeline"] == "train"] == ["pipeline.failed", "pipeline.recovered", "pipeline.refused"], heard

            server.cli("run", "ask", "--detach")
            question = wait_for("pipeline.waiting", pipeline="ask")["pipeline"]
            assert (question["step"], question["reason"]) == ("ship", "Ship <it>?")
            late = wait_for("pipeline.late", pipeline="slow")["pipeline"]
            assert late["schedule"] == "often" and late["what"] in ("schedule.late", "schedule.not_started")
        finally:
            server.kill()
            for receiver in (hook, chat, quiet):
                receiver.close()
            post.controller.stop()
