//! Web pages in the place of a reply: captive portals and logins, told apart by their heads.

use bits_proto::download::{ApplicationRanges, Config, HeadRequest, Reason, State};

use crate::driver::{Driver, partial, response};

const PAGE: &str = "<html>Please log in";

fn html(headers: &[(&'static str, &'static str)]) -> http::Response<Vec<u8>> {
    response(200, &[headers, &[("Content-Type", "text/html; charset=utf-8")]].concat(), PAGE)
}

#[test]
fn a_page_is_not_the_reply_however_it_is_asked_for() {
    let parts = ApplicationRanges::new([0..2, 5..7]).unwrap();
    let no_head = || Config::builder().head(HeadRequest::Never);
    for (name, mut driver) in [
        ("the whole", Driver::whole(Config::builder())),
        ("a part", Driver::whole(Config::builder().fragment_size(4))),
        ("HEAD", Driver::whole(Config::builder().head(HeadRequest::Always))),
        ("several", Driver::new(parts, no_head())),
    ] {
        let before = driver.request();
        assert!(!driver.answer(before.id, &html(&[])), "{name}: nothing of it is stored");
        assert_eq!(driver.waits_for(), Reason::Page, "{name}");
        assert_eq!((driver.download.entity_size(), driver.download.received()), (None, 0), "{name}");
        assert_eq!(driver.aborted, [before.id], "{name}: nobody wants its body");
        driver.wait();
        // Once the user has logged in, the same request is answered.
        let after = driver.request();
        assert_eq!(after.request.method(), before.request.method(), "{name}");
        assert_eq!(after.request.headers(), before.request.headers(), "{name}");
    }
}

#[test]
fn a_page_in_between_costs_nothing_of_what_was_stored() {
    // Were its version compared first, the download would start over, and the page would use up its restarts.
    let mut driver = Driver::whole(Config::builder().fragment_size(4).max_restarts(0));
    let id = driver.expect_range(Some("bytes=0-3"));
    driver.answer(id, &partial("bytes 0-3/10", "0123"));
    for _ in 0..5 {
        let id = driver.expect_range(Some("bytes=4-7"));
        driver.answer(id, &html(&[]));
        assert_eq!(driver.waits_for(), Reason::Page);
        assert_eq!(driver.download.received(), 4);
        driver.wait();
    }
    driver.expect_range(Some("bytes=4-7"));
}

#[test]
fn pages_are_known_whatever_their_spelling() {
    for kind in ["text/html", "TEXT/HTML;charset=x", "text/html ; a=b", "application/xhtml+xml"] {
        let mut driver = Driver::whole(Config::builder());
        let id = driver.request().id;
        driver.answer(id, &response(200, &[("Content-Type", kind)], PAGE));
        assert_eq!(driver.waits_for(), Reason::Page, "{kind}");
    }
}

#[test]
fn a_reply_may_be_html_if_it_has_a_version_as_replies_must() {
    let date = ("Last-Modified", "Mon, 18 Jun 2007 21:12:01 GMT");
    for version in [date, ("ETag", "\"v1\"")] {
        let mut driver = Driver::whole(Config::builder());
        let id = driver.request().id;
        assert!(driver.answer(id, &html(&[version])), "{version:?}");
        driver.expect_completed(PAGE.len() as u64);
    }
    let mut driver = Driver::whole(Config::builder().pages(true));
    let id = driver.request().id;
    assert!(driver.answer(id, &html(&[])), "the caller said so");
    driver.expect_completed(PAGE.len() as u64);
}

#[test]
fn other_kinds_without_a_version_are_replies() {
    for kind in ["text/htmlx", "text/plain", "application/octet-stream", "x; y=text/html"] {
        let mut driver = Driver::whole(Config::builder());
        let id = driver.request().id;
        assert!(driver.answer(id, &response(200, &[("Content-Type", kind)], "reply")), "{kind}");
        driver.expect_completed(5);
    }
}

#[test]
fn a_page_with_an_error_is_an_error() {
    let mut driver = Driver::whole(Config::builder());
    let id = driver.request().id;
    driver.answer(id, &response(404, &[("Content-Type", "text/html")], PAGE));
    assert_eq!(driver.download.state(), State::Failed);
    assert_eq!(driver.failure().reason, Reason::Refused);
}
