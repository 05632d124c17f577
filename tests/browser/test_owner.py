"""Owners and visitors in real browsers: who sees a plot, who changes it for whom, and that nothing of it disturbs a stream."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint.store import Store
from tests.browser.looking import arrive, data_of, state, trace, until, wait_for_y
from tests.plotly_client import PlotlyClient

Look = Callable[..., Page]
LAYOUT = "document.querySelector('#plot').layout"
BOX = "document.querySelector('{}').getBoundingClientRect()"
DRAWN = "document.querySelector('#plot')._fullLayout"


def log_in(page: Page, user: str, key: str) -> None:
    """On the login page."""
    page.get_by_label("User").fill(user)
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Log in").click()


@pytest.fixture
def owner(look: Look, client: PlotlyClient) -> Look:
    """Opens `owner(path, **context options)` in a window where the plots' owner is logged in."""

    def open_page(path: str, **options: Any) -> Page:
        page = look(f"/login?next={path}", **options)
        log_in(page, client.user.name, client.key)
        arrive(page, path)
        return page

    return open_page


@pytest.fixture
def ann(client: PlotlyClient) -> tuple[str, str]:
    """Name and key of another user."""
    store = Store.open(client.endpoint.data)
    try:
        return "ann", store.create_user("ann")
    finally:
        store.close()


def restyle(page: Page) -> Locator:
    """Opens the editor."""
    page.get_by_role("button", name="Restyle").click()
    editor = page.get_by_role("form", name="Restyle")
    expect(editor).to_be_visible()
    return editor


def group(editor: Locator, name: str) -> Locator:
    return editor.get_by_role("group", name=name, exact=True)


def fill(field: Locator, text: str) -> None:
    field.fill(text)
    field.press("Tab")


def colour(field: Locator, value: str) -> None:
    """Playwright fills a colour field without saying that it has changed."""
    field.fill(value)
    field.dispatch_event("change")


def save(editor: Locator) -> None:
    editor.get_by_role("button", name="Save", exact=True).click()
    expect(editor).to_be_hidden()


# Who sees a plot


def test_the_owner_logs_in_with_the_key_and_sees_what_a_stranger_does_not(
    client: PlotlyClient, owner: Look, chromium: Browser
) -> None:
    answer = client.plot([{"y": [1, 2, 3]}], filename="diary", world_readable=False)
    path = urlsplit(answer["url"]).path
    page = owner(path)
    wait_for_y(page, [1, 2, 3])

    stranger = chromium.new_page()
    stranger.goto(answer["url"])
    expect(stranger.get_by_role("heading", name="Not found")).to_be_visible()
    stranger.goto(client.endpoint.url)
    expect(stranger.get_by_text("No plots yet")).to_be_visible()
    stranger.context.close()

    page.goto(client.endpoint.url)
    expect(page.get_by_role("link", name="diary")).to_be_visible()


def test_a_logout_hides_what_was_private(client: PlotlyClient, owner: Look) -> None:
    client.plot([{"y": [1]}], filename="diary", world_readable=False)
    page = owner("/")
    expect(page.get_by_role("link", name="diary")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()
    expect(page.get_by_role("link", name="diary")).to_have_count(0)


def test_a_secret_plot_lives_for_whoever_has_the_link(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    url = urlsplit(client.plot([empty], filename="secret", sharing="secret")["url"])
    page = look(f"{url.path}?{url.query}")
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 5})
        wait_for_y(page, [5])


@pytest.mark.parametrize("sharing", ["private", "secret"])
def test_a_plot_that_is_hidden_says_so_to_strangers_until_it_is_shown_again(
    client: PlotlyClient, owner: Look, look: Look, sharing: str
) -> None:
    path = client.new_plot({"y": [1, 2]}, filename="diary")
    mine, strangers = owner(path), look(path)
    wait_for_y(strangers, [1, 2])

    client.plot([{"y": [1, 2, 3]}], filename="diary", fileopt="overwrite", sharing=sharing)
    state(strangers, "gone")
    expect(strangers.get_by_text("This plot was deleted, or is not shown to you any more.")).to_be_visible()
    wait_for_y(mine, [1, 2, 3])
    assert data_of(strangers)[0]["y"] == [1, 2]

    client.new_plot({"y": [4]}, filename="diary")
    wait_for_y(strangers, [4])
    state(strangers, "no stream")
    expect(strangers.get_by_text("This plot was deleted")).to_be_hidden()


def test_a_wrong_key_is_told_on_the_login_page(client: PlotlyClient, chromium: Browser) -> None:
    page = chromium.new_page()
    page.goto(f"{client.endpoint.url}/login")
    log_in(page, client.user.name, "zzzzzzzzzz")
    expect(page.get_by_role("alert")).to_have_text("There is no user with this name and API key.")
    expect(page.get_by_label("User")).to_have_value(client.user.name)
    page.context.close()


# The owner restyles


def test_a_save_changes_every_open_page_at_once_while_it_streams(client: PlotlyClient, owner: Look, look: Look) -> None:
    token, empty = trace(client, name="t")
    path = client.new_plot(empty)
    mine, other = owner(path), look(path)
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 1}, {"x": 2, "y": 2})
        wait_for_y(mine, [1, 2])
        editor = restyle(mine)
        fill(group(editor, "Plot").get_by_label("Title"), "Greenhouse, south")
        group(editor, "Plot").get_by_label("Legend").select_option("show")
        fill(group(editor, "X axis").get_by_label("Title"), "Time")
        fill(group(editor, "Y axis").get_by_label("Title"), "Inside (°C)")
        fill(group(editor, "Y axis").get_by_label("Range from"), "-5")
        fill(group(editor, "Y axis").get_by_label("Range to"), "50")
        fill(group(editor, "Trace 1").get_by_label("Name"), "Temperature")
        colour(group(editor, "Trace 1").get_by_label("Colour"), "#ff0080")
        group(editor, "Trace 1").get_by_label("Draw").select_option("lines")
        fill(group(editor, "Trace 1").get_by_label("Line width"), "5")
        expect(mine.locator("#plot .gtitle")).to_have_text("Greenhouse, south")
        stream.write({"x": 3, "y": 3})
        until(other, "document.querySelector('#plot').data[0].y", [1, 2, 3])
        assert other.evaluate(f"{LAYOUT}.title?.text") is None  # nothing is saved yet

        save(editor)
        for page in (mine, other):
            expect(page.locator("#plot .gtitle")).to_have_text("Greenhouse, south")
            expect(page.locator("#plot .xtitle")).to_have_text("Time")
            expect(page.locator("#plot .ytitle")).to_have_text("Inside (°C)")
            expect(page.locator("#plot .legendtext")).to_have_text("Temperature")
            line = page.locator("#plot .scatterlayer path.js-line")
            expect(line).to_have_css("stroke", "rgb(255, 0, 128)")
            expect(line).to_have_css("stroke-width", "5px")
            expect(page.locator("#plot .point")).to_have_count(0)
            assert page.evaluate(f"{LAYOUT}.yaxis.range") == [-5, 50]
        stream.write({"x": 4, "y": 4})
        for page in (mine, other):
            until(page, "document.querySelector('#plot').data[0].y", [1, 2, 3, 4])
        state(other, "live")

    other.reload()
    expect(other.locator("#plot .gtitle")).to_have_text("Greenhouse, south")


def test_titles_and_names_are_edited_right_on_the_plot(client: PlotlyClient, owner: Look, look: Look) -> None:
    _, empty = trace(client, name="t")
    path = client.new_plot({**empty, "x": [1], "y": [1]}, layout={"title": {"text": "old"}, "showlegend": True})
    mine, other = owner(path), look(path)
    editor = restyle(mine)
    for target, text in ((".gtitle", "By hand"), (".ytitle", "Level"), (".legendtext", "Water")):
        expect(mine.locator(f"#plot {target}")).to_be_visible()
        mine.wait_for_timeout(400)  # plotly.js tells a click from a double click
        mine.locator(f"#plot {target}").click(force=True)
        box = mine.locator(".plugin-editable")
        box.fill(text)
        box.press("Enter")
        expect(mine.locator(f"#plot {target}")).to_have_text(text)
    save(editor)
    expect(other.locator("#plot .gtitle")).to_have_text("By hand")
    expect(other.locator("#plot .ytitle")).to_have_text("Level")
    expect(other.locator("#plot .legendtext")).to_have_text("Water")


def test_a_trace_moves_to_a_second_axis(client: PlotlyClient, owner: Look, look: Look) -> None:
    path = client.new_plot({"name": "a", "y": [1, 2]}, {"name": "b", "y": [1000, 2000]})
    mine, other = owner(path), look(path)
    editor = restyle(mine)
    group(editor, "Trace 2").get_by_label("Y axis").select_option("right")
    fill(group(editor, "Y axis 2").get_by_label("Title"), "Pressure (hPa)")
    save(editor)
    expect(other.locator("#plot .y2title")).to_have_text("Pressure (hPa)")
    until(other, f"{DRAWN}.yaxis2.side", "right")
    until(other, f"{DRAWN}.yaxis.range[1] < 10 && {DRAWN}.yaxis2.range[1] > 1000")


def test_traces_become_subplots_and_one_plot_again(client: PlotlyClient, owner: Look, look: Look) -> None:
    path = client.new_plot(*({"name": name, "y": [1, 2]} for name in "abc"))
    mine, other = owner(path), look(path)
    for choice, plots in (("as subplots", 3), ("in one plot", 1)):
        editor = restyle(mine)
        group(editor, "Plot").get_by_label("Arrange").select_option(choice)
        save(editor)
        for page in (mine, other):
            expect(page.locator("#plot .cartesianlayer > .subplot")).to_have_count(plots)
    boxes = "[...document.querySelectorAll('#plot .cartesianlayer .trace.scatter')].length"
    assert other.evaluate(boxes) == 3


def test_fewer_points_are_kept_from_the_save_on(client: PlotlyClient, owner: Look, look: Look) -> None:
    token, empty = trace(client)
    path = client.new_plot(empty)
    mine, other = owner(path), look(path)
    with client.stream(token) as stream:
        stream.write(*({"x": n, "y": n} for n in range(6)))
        wait_for_y(mine, list(range(6)))
        editor = restyle(mine)
        fill(group(editor, "Trace 1").get_by_label("Points kept"), "3")
        save(editor)
        wait_for_y(other, [3, 4, 5])
        stream.write({"x": 6, "y": 6})
        for page in (mine, other):
            wait_for_y(page, [4, 5, 6])


def test_a_range_in_dates_means_the_same_moments_for_everybody(client: PlotlyClient, owner: Look, look: Look) -> None:
    path = client.new_plot({"x": ["2026-07-01T00:00:00Z", "2026-07-01T12:00:00Z"], "y": [1, 2]})
    mine, other = owner(path, timezone_id="Asia/Tokyo"), look(path, timezone_id="America/New_York")
    editor = restyle(mine)
    fill(group(editor, "X axis").get_by_label("Range from"), "2026-07-01 10:00")
    fill(group(editor, "X axis").get_by_label("Range to"), "2026-07-01 20:00")
    save(editor)
    until(other, f"{LAYOUT}.xaxis?.range", ["2026-06-30 21:00:00.000", "2026-07-01 07:00:00.000"])
    assert client.figure(path)["layout"]["xaxis"]["range"] == ["2026-07-01T01:00:00.000Z", "2026-07-01T11:00:00.000Z"]
    assert restyle(mine).get_by_label("Range from").first.input_value() == "2026-07-01 10:00:00"


def test_a_logarithmic_range_is_given_in_plain_numbers(client: PlotlyClient, owner: Look) -> None:
    page = owner(path := client.new_plot({"y": [1, 10, 100]}))
    editor = restyle(page)
    axis = group(editor, "Y axis")
    axis.get_by_label("Scale").select_option("logarithmic")
    until(page, f"{DRAWN}.yaxis.type", "log")
    fill(axis.get_by_label("Range from"), "1")
    fill(axis.get_by_label("Range to"), "1000")
    expect(axis.get_by_label("Range to")).to_have_value("1000")
    save(editor)
    assert client.figure(path)["layout"]["yaxis"] == {"type": "log", "range": [0, 3]}


def test_a_range_that_is_none_can_be_put_right(client: PlotlyClient, owner: Look) -> None:
    path = client.new_plot({"x": [0, 1], "y": [1, 2]}, layout={"xaxis": {"range": "all"}})
    page = owner(path)
    editor = restyle(page)
    axis = group(editor, "X axis")
    fill(axis.get_by_label("Range from"), "0")
    fill(axis.get_by_label("Range to"), "5")
    save(editor)
    assert client.figure(path)["layout"]["xaxis"]["range"] == [0, 5]


def test_what_is_discarded_was_never_there(client: PlotlyClient, owner: Look) -> None:
    page = owner(path := client.new_plot({"y": [1, 2]}, layout={"title": {"text": "old"}}))
    editor = restyle(page)
    fill(group(editor, "Plot").get_by_label("Title"), "new")
    expect(page.locator("#plot .gtitle")).to_have_text("new")
    editor.get_by_role("button", name="Discard").click()
    expect(page.locator("#plot .gtitle")).to_have_text("old")
    assert client.figure(path)["layout"]["title"]["text"] == "old"


def test_two_windows_of_the_owner_keep_each_others_changes(client: PlotlyClient, owner: Look) -> None:
    path = client.new_plot({"y": [1, 2]})
    first, second = owner(path), owner(path)
    editors = [restyle(page) for page in (first, second)]
    fill(group(editors[0], "X axis").get_by_label("Title"), "Time")
    fill(group(editors[1], "Y axis").get_by_label("Title"), "Level")
    for editor in editors:
        save(editor)
    for page in (first, second):
        expect(page.locator("#plot .xtitle")).to_have_text("Time")
        expect(page.locator("#plot .ytitle")).to_have_text("Level")


def test_a_save_that_fails_says_why_and_loses_nothing(client: PlotlyClient, chromium: Browser) -> None:
    path = client.new_plot({"y": [1, 2]})
    page = chromium.new_page()
    page.goto(f"{client.endpoint.url}/login?next={path}")
    log_in(page, client.user.name, client.key)
    editor = restyle(page)
    fill(group(editor, "Plot").get_by_label("Title"), "new")
    (session,) = page.context.cookies()
    page.context.clear_cookies()
    editor.get_by_role("button", name="Save", exact=True).click()
    expect(editor.get_by_role("alert")).to_have_text("Not saved: log in in another window, then save again")
    page.context.add_cookies([{"name": session["name"], "value": session["value"], "url": client.endpoint.url}])
    save(editor)
    assert client.figure(path)["layout"]["title"]["text"] == "new"
    page.context.close()


def test_a_restart_costs_only_a_short_reconnecting_also_in_the_middle_of_restyling(
    serve: Callable[..., ChildEndpoint], free_port: int, chromium: Browser
) -> None:
    endpoint = serve(port=free_port)
    client = PlotlyClient(endpoint)
    token, empty = trace(client)
    path = client.new_plot(empty)
    page = chromium.new_page()
    page.goto(f"{endpoint.url}/login?next={path}")
    log_in(page, client.user.name, client.key)
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 1})
        wait_for_y(page, [1])
    editor = restyle(page)
    fill(group(editor, "Plot").get_by_label("Title"), "new")
    endpoint.kill()
    state(page, "reconnecting")
    endpoint.start()
    with client.stream(token) as stream:
        stream.write({"x": 2, "y": 2})
        wait_for_y(page, [1, 2])
        state(page, "live")
    expect(page.locator("#plot .gtitle")).to_have_text("new")
    save(editor)
    assert client.figure(path)["layout"]["title"]["text"] == "new"
    page.context.close()


# Visitors


def test_a_visitor_restyles_for_themselves_and_saves_a_static_copy_of_their_own(
    client: PlotlyClient, owner: Look, look: Look, ann: tuple[str, str]
) -> None:
    token, empty = trace(client)
    path = client.new_plot(empty, filename="Greenhouse")
    mine, theirs = owner(path), look(f"/login?next={path}")
    log_in(theirs, *ann)
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 1})
        wait_for_y(theirs, [1])
        editor = restyle(theirs)
        fill(group(editor, "Plot").get_by_label("Title"), "Ann's view")
        expect(theirs.locator("#plot .gtitle")).to_have_text("Ann's view")
        editor.get_by_role("button", name="Save as a copy").click()
        arrive(theirs, "/~ann/1")
        expect(theirs).to_have_title("Copy of Greenhouse")
        expect(theirs.locator("#plot .gtitle")).to_have_text("Ann's view")
        state(theirs, "no stream")

        stream.write({"x": 2, "y": 2})
        wait_for_y(mine, [1, 2])
        state(mine, "live")
    assert mine.evaluate(f"{LAYOUT}.title?.text") is None
    assert data_of(theirs)[0]["y"] == [1]
    editor = restyle(theirs)  # it is their own now
    fill(group(editor, "Plot").get_by_label("Title"), "Mine")
    save(editor)


def test_a_guest_is_led_through_the_login_and_finds_the_changes_again(
    client: PlotlyClient, look: Look, ann: tuple[str, str]
) -> None:
    path = client.new_plot({"y": [1, 2]})
    page = look(path)
    editor = restyle(page)
    fill(group(editor, "Plot").get_by_label("Title"), "Ann's view")
    editor.get_by_role("button", name="Log in to save").click()
    log_in(page, *ann)
    arrive(page, path)
    expect(page.locator("#plot .gtitle")).to_have_text("Ann's view")
    page.get_by_role("button", name="Save as a copy").click()
    arrive(page, "/~ann/1")
    expect(page.locator("#plot .gtitle")).to_have_text("Ann's view")
    assert client.figure(path)["layout"] == {}


def test_a_token_that_moves_to_another_plot_leaves_a_static_picture(client: PlotlyClient, look: Look) -> None:
    token, empty = trace(client)
    old = look(client.new_plot(empty, filename="old"))
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 1}, {"x": 2, "y": 2})
        wait_for_y(old, [1, 2])
        new = look(client.new_plot(empty, filename="new"))
        state(old, "stream ended")
        stream.write({"x": 3, "y": 3})
        wait_for_y(new, [3])
    wait_for_y(old, [1, 2])
    old.reload()
    wait_for_y(old, [1, 2])


# Text is text


SCRIPT_LIKE = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"


def test_text_of_streams_figures_and_people_never_runs_in_the_editor(client: PlotlyClient, owner: Look, look: Look) -> None:
    token, empty = trace(client, name=SCRIPT_LIKE)
    path = client.new_plot(empty, {"y": [1], "name": "b"}, filename="plain", layout={"yaxis": {"title": {"text": SCRIPT_LIKE}}})
    mine, other = owner(path), look(path)
    with client.stream(token) as stream:
        stream.write({"x": 1, "y": 1, "layout": {"title": {"text": SCRIPT_LIKE}}})
        until(mine, f"{LAYOUT}.title?.text", SCRIPT_LIKE)
    editor = restyle(mine)
    expect(group(editor, "Plot").get_by_label("Title")).to_have_value(SCRIPT_LIKE)
    expect(group(editor, "Trace 1").get_by_label("Name")).to_have_value(SCRIPT_LIKE)
    fill(group(editor, "X axis").get_by_label("Title"), SCRIPT_LIKE)
    fill(group(editor, "Trace 2").get_by_label("Name"), SCRIPT_LIKE)
    save(editor)
    until(other, f"{LAYOUT}.xaxis?.title?.text", SCRIPT_LIKE)
    for page in (mine, other):
        assert page.locator("img[src=x]").count() == 0
        expect(page).to_have_title("plain")


def test_a_name_that_looks_like_a_script_stays_text_on_the_login_page(client: PlotlyClient, chromium: Browser) -> None:
    page = chromium.new_page()
    page.goto(f'{client.endpoint.url}/login?next=/"><script>document.title="owned"</script>')
    log_in(page, f'"><script>document.title="owned"</script>{SCRIPT_LIKE}', "zzzzzzzzzz")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page).to_have_title("Log in")
    assert page.locator("script, img[src=x]").count() == 0
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_editor_fits_a_phone(client: PlotlyClient, look: Look, scheme: str) -> None:
    page = look(
        client.new_plot({"y": [1, 2]}),
        viewport={"width": 390, "height": 800},
        color_scheme=scheme,
        is_mobile=True,
        has_touch=True,
    )
    editor = restyle(page)
    for selector in ("#plot", "#editor"):
        until(page, f"(({{left, right, height}}) => left >= 0 && right <= 390 && height > 250)({BOX.format(selector)})")
    until(page, "document.documentElement.scrollWidth <= 390")
    expect(editor.get_by_role("button", name=re.compile("save"))).to_be_in_viewport()
