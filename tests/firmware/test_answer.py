"""answer.py: the endpoint's answer, on MicroPython and on CPython."""

from plotpost.answer import Answer

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nplotpost-next: 4711\r\n\r\nok\n"


def parsed(data, closed=False):
    answer = Answer()
    answer.feed(data, len(data))
    if closed:
        answer.closed()
    return answer


def test_an_answer_is_the_same_wherever_it_is_cut():
    for cut in range(len(OK) + 1):
        answer = Answer()
        answer.feed(OK[:cut], cut)
        assert answer.done == (cut == len(OK))
        answer.feed(OK[cut:], len(OK) - cut)
        assert (answer.done, answer.status, answer.next, answer.text, answer.reusable) == (True, 200, 4711, "ok ", True)


def test_header_names_are_in_any_case_and_lines_may_end_bare():
    answer = parsed(b"HTTP/1.1 200 OK\nPLOTPOST-NEXT:7\nCONTENT-length:  0\n\n")
    assert (answer.done, answer.next, answer.reusable) == (True, 7, True)


def test_the_connection_is_used_again_only_after_a_whole_200_that_did_not_say_close():
    for head in (
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore",
    ):
        answer = parsed(head)
        assert answer.done and not answer.reusable, head


def test_without_a_length_the_body_goes_on_until_the_end():
    answer = parsed(b"HTTP/1.1 503 Unavailable\r\n\r\nthe disk is full")
    assert not answer.done
    answer.closed()
    assert (answer.done, answer.status, answer.text, answer.reusable) == (True, 503, "the disk is full", False)


def test_an_interim_answer_is_followed_by_the_real_one():
    answer = parsed(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
    assert (answer.status, answer.next, answer.reusable) == (200, 4711, True)


def test_what_is_not_http_is_said_to_be_none():
    for data in (b"SSH-2.0-OpenSSH_9\r\n", b"220 mail.example ready\r\n", b"HTTP/1.1 abc\r\n", b"HTTP/1.1\r\n"):
        answer = parsed(data)
        assert (answer.done, answer.status) == (True, -1), data


def test_the_endpoints_clock_is_read_from_its_own_header_or_from_date():
    date = b"Date: Tue, 24 Nov 2026 08:52:05 GMT\r\n"
    own = b"plotpost-time: 1795510325678\r\n"
    for headers, ms in (
        (date, 1795510325000),
        (own, 1795510325678),
        (date + own, 1795510325678),
        (own + date, 1795510325678),
        (b"Date: yesterday\r\n", None),
        (b"Date: Tue, 24 Nix 2026 08:52:05 GMT\r\n", None),
        (b"", None),
    ):
        assert parsed(b"HTTP/1.1 200 OK\r\n" + headers + b"Content-Length: 0\r\n\r\n").time == ms, headers


def test_a_web_page_is_recognized():
    assert parsed(b"HTTP/1.1 200 OK\r\nContent-Type: Text/HTML; charset=utf-8\r\nContent-Length: 0\r\n\r\n").html


def test_a_cut_answer_tells_what_was_known():
    assert parsed(b"HTTP/1.1 40", closed=True).status == 0
    assert parsed(b"HTTP/1.1 404 Not Found\r\nConte", closed=True).status == 404
    assert parsed(b"", closed=True).status == 0


def test_endless_lines_and_texts_take_no_memory():
    answer = parsed(b"HTTP/1.1 500 Error\r\nX: " + b"y" * 5000 + b"\r\n\r\n" + b"z" * 5000)
    assert (answer.status, len(answer.text)) == (500, 400)


def test_reset_forgets():
    answer = parsed(OK)
    answer.reset()
    data = b"HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n"
    answer.feed(data, len(data))
    assert (answer.status, answer.next, answer.reusable) == (422, None, False)
