"""The page's users, roles and tokens in Chromium, with login on and off."""
import base64

import pytest
import requests
from conftest import Server
from playwright.sync_api import expect
from test_page_for_everybody import looks, violations

PASSWORDS = {"ada": "a-long-password", "brunel": "another-long-password"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server") / "data", "--login")
    PASSWORDS["admin"] = (server.data_dir / "admin-password").read_text().strip()

    def ask(path, **body):
        reply = requests.post(server.url + path, json=body, auth=("admin", PASSWORDS["admin"]), timeout=20)
        assert reply.ok, reply.text
        return reply.json()

    for name in ("ada", "brunel"):
        ask("/api/2.0/mlflow/users/create", username=name, password=PASSWORDS[name])
    role = ask("/api/3.0/mlflow/roles/create", name="services", workspace="default")["role"]["id"]
    ask("/api/3.0/mlflow/roles/permissions/add", role_id=role, resource_type="workspace", resource_pattern="*", permission="USE")
    ask("/api/3.0/mlflow/roles/assign", role_id=role, username="ada")
    server.ask = ask
    yield server
    server.stop()


def login(user):
    return {"http_credentials": {"username": user, "password": PASSWORDS[user]}, "extra_http_headers": {"Authorization": "Basic " + base64.b64encode(f"{user}:{PASSWORDS[user]}".encode()).decode()}}


def texts(page, table):
    rows = page.get_by_role("table", name=table).locator("tbody tr")
    expect(rows.first).to_be_visible()
    return [row.locator("td").all_inner_texts() for row in rows.all()]


def test_an_administrator_sees_everybody(guarded, open_page):
    page = open_page(guarded.url + "/ui/users", **login("admin"))
    expect(page.get_by_role("heading", name="admin (you)")).to_be_visible()
    expect(page.get_by_role("region", name="User admin")).to_contain_text("Is an administrator, who may do everything.")
    assert sorted(row[:3] for row in texts(page, "Users")) == [["ada", "no", "services"], ["admin", "administrator", "–"], ["brunel", "no", "–"]]
    assert [f"{look}: {one}" for look in looks(page) for one in violations(page)] == []
    assert texts(page, "Roles") == [["services", "USE on every workspace", "ada"]]
    page.get_by_role("link", name="ada").click()
    expect(page).to_have_url(guarded.url + "/ui/users?of=ada")
    expect(page.get_by_role("region", name="User ada")).to_contain_text("USE on every workspace")
    page.get_by_role("row", name="admin").get_by_role("link", name="events").click()
    expect(page.get_by_role("table", name="Events").locator("tbody tr").filter(has_text="admin").first).to_be_visible()


def test_a_token_is_shown_once_works_and_is_taken_back(guarded, open_page):
    page = open_page(guarded.url + "/ui/users", **login("brunel"))
    expect(page.get_by_text("There is none.")).to_be_visible()
    expect(page.get_by_text("Administrators see all users and roles here.")).to_be_visible()
    page.get_by_label("Name of a new token").fill("laptop")
    page.get_by_label("Good for so many days").fill("2")
    page.get_by_role("button", name="Make").click()
    shown = page.get_by_role("alert").filter(has_text="laptop is made")
    expect(shown).to_be_visible()
    token = shown.locator(".command").inner_text().splitlines()[0].removeprefix("export SLIPWAY_TOKEN=")
    who = lambda: requests.get(guarded.url + "/slipway/v1/me", headers={"Authorization": f"Bearer {token}"}, timeout=20)
    assert who().json()["user"] == "brunel"
    (kept,) = requests.get(guarded.url + "/slipway/v1/tokens", auth=("brunel", PASSWORDS["brunel"]), timeout=20).json()["tokens"]
    assert kept["expires"] - kept["created"] == pytest.approx(2 * 86_400_000, abs=1000)
    page.reload()
    expect(page.get_by_role("table", name="Tokens").get_by_text("laptop", exact=True)).to_be_visible()
    assert token not in page.content()
    page.get_by_role("button", name="Take back laptop").click()
    page.get_by_role("button", name="Yes, laptop stops working").click()
    expect(page.get_by_text("There is none.")).to_be_visible()
    assert who().status_code == 401


def test_a_user_does_not_see_another(guarded, open_page):
    page = open_page(guarded.url + "/ui/users?of=admin", **login("ada"))
    expect(page.get_by_role("heading", name="ada (you)")).to_be_visible()
    expect(page.get_by_role("table", name="Users")).to_have_count(0)


def test_without_login_it_says_how_to_begin(server, open_page):
    page = open_page(server.url + "/ui/users")
    expect(page.get_by_text("Login is off: whoever reaches this server may do everything.")).to_be_visible()
    expect(page.locator(".command")).to_contain_text("slipway server --login")
