//! The URLs of notifications, of their destinations and of replies.

use bits_proto::notify::{
    Config, DestinationUrl, Notification, NotificationType, NotificationUrl, Output, iis_reply_session,
    iis_reply_url,
};
use bits_proto::server::Directory;
use bits_proto::{Guid, InvalidValue};
use http::Uri;
use testing::notify::*;

fn resolved(url: &str, destination: &str) -> String {
    let url: NotificationUrl = url.parse().unwrap();
    url.resolve(&destination.parse().unwrap()).unwrap().to_string()
}

#[test]
fn the_query_of_the_destination_is_appended() {
    for (url, destination, expected) in [
        ("http://app/n", "http://server/a.bin?x=1&y=2", "http://app/n?x=1&y=2"),
        ("http://app/n?own=1", "http://server/a.bin?x=1", "http://app/n?own=1&x=1"),
        ("http://app/n?", "http://server/a.bin?x=1", "http://app/n?x=1"),
        ("http://app/n", "http://server/a.bin", "http://app/n"),
        ("http://app/n", "http://server/a.bin?", "http://app/n"),
        ("http://app/n?own=1", "http://server/a.bin", "http://app/n?own=1"),
        ("http://app", "http://server/a.bin?x=1", "http://app/?x=1"),
        ("https://app:8443/n#part", "http://server/a.bin?x=1", "https://app:8443/n?x=1"),
    ] {
        assert_eq!(resolved(url, destination), expected, "{url} {destination}");
    }
}

/// RFC 3986 §5.2.
#[test]
fn a_relative_url_is_resolved_against_the_destination() {
    let destination = "https://server:8443/uploads/in/a.bin?x=1";
    for (url, expected) in [
        ("/bitsasp/test.REPLY", "https://server:8443/bitsasp/test.REPLY?x=1"),
        ("notify.aspx", "https://server:8443/uploads/in/notify.aspx?x=1"),
        ("../notify", "https://server:8443/uploads/notify?x=1"),
        ("../../../../notify", "https://server:8443/notify?x=1"),
        ("?own=1", "https://server:8443/uploads/in/a.bin?own=1&x=1"),
        ("//app/notify", "https://app/notify?x=1"),
        (r"\bitsasp\test.REPLY", "https://server:8443/bitsasp/test.REPLY?x=1"),
        ("/a b", "https://server:8443/a%20b?x=1"),
        ("http://app:81/n", "http://app:81/n?x=1"),
    ] {
        assert_eq!(resolved(url, destination), expected, "{url}");
    }
}

#[test]
fn what_gives_no_url_cannot_be_configured() {
    for url in ["", " ", "#part", "ftp://app/n", "http:///n", "http:n", "mailto:app", "//", "http://a b/"] {
        assert_eq!(url.parse::<NotificationUrl>(), Err(InvalidValue::NotificationUrl), "{url:?}");
    }
}

#[test]
fn c48_an_application_may_be_notified_over_tls() {
    let url: NotificationUrl = "https://app:8443/n".parse().unwrap();
    let destination = "http://server/upload/a.bin".parse().unwrap();
    let mut notification =
        Notification::new(start(), &url, &destination, by_value(1), Config::default()).unwrap();
    let Some(Output::Transmit(transmit)) = notification.poll_output() else { panic!("nothing is sent") };
    assert_eq!(transmit.request.uri(), "https://app:8443/n");
}

#[test]
fn a_destination_without_a_host_notifies_nobody() {
    let url: NotificationUrl = "/n".parse().unwrap();
    assert_eq!(url.resolve(&"/upload/a.bin".parse().unwrap()), Err(InvalidValue::NotificationUrl));
    let absolute: NotificationUrl = "http://app/n".parse().unwrap();
    for url in [url, absolute] {
        let destination = "/upload/a.bin".parse().unwrap();
        let notification = Notification::new(start(), &url, &destination, by_value(1), Config::default());
        assert_eq!(notification.err(), Some(InvalidValue::Destination));
    }
}

#[test]
fn a_destination_that_no_header_holds_cannot_be_notified() {
    let url: NotificationUrl = "http://app/n".parse().unwrap();
    let new = |length: usize| {
        let destination = format!("http://server/{}", "x".repeat(length - 14)).parse().unwrap();
        Notification::new(start(), &url, &destination, by_value(1), Config::default()).err()
    };
    assert_eq!(new(4096), None);
    assert_eq!(new(4097), Some(InvalidValue::HeaderValue));
}

/// §2.2.12.2 wants a URL by RFC 2616 §3.2.2, which has no place for what some clients send.
#[test]
fn the_destination_is_named_as_a_legal_url() {
    for (destination, named) in [
        ("http://server/a.bin?x=1", "http://server/a.bin?x=1"),
        ("http://server/{1}/a|b", "http://server/%7B1%7D/a%7Cb"),
        ("http://server/a%20b", "http://server/a%20b"),
        ("http://server/caf\u{e9}", "http://server/caf%C3%A9"),
    ] {
        let destination: Uri = destination.parse().unwrap();
        let url = "http://app/n".parse().unwrap();
        let notification = Notification::new(start(), &url, &destination, by_value(1), Config::default());
        let Some(Output::Transmit(transmit)) = notification.unwrap().poll_output() else {
            panic!("no output")
        };
        assert_eq!(transmit.request.headers()["bits-original-request-url"], named);
        assert_eq!(DestinationUrl::new(&destination).unwrap().to_uri().unwrap(), named);
    }
}

const SESSION: &str = "{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}";

#[test]
fn c41_the_reply_url_of_iis_leads_where_the_captured_one_leads() {
    let url = iis_reply_url(SESSION.parse().unwrap());
    let destination = DESTINATION.parse().unwrap();
    let captured = request(include_bytes!("../data/captures/upload-reply/09-reply-get.req"));
    assert_eq!(url.resolve(&destination).unwrap().path(), captured.uri().path());
    // What IIS sent leads to the same place.
    assert_eq!(url.resolve(&destination), reply_url(REPLY_URL).resolve(&destination));
    assert_eq!(iis_reply_session(captured.uri().path()), Some(SESSION.parse().unwrap()));
    assert_eq!(iis_reply_session(REPLY_URL), Some(SESSION.parse().unwrap()));
}

#[test]
fn a_proxy_that_strips_a_prefix_or_serves_another_name_changes_nothing() {
    let url = iis_reply_url(SESSION.parse().unwrap());
    let folder = "BITS-Sessions/Replies/%7BC85B4E0A-9EB9-4114-BFA4-8A43B4710091%7D/responsefile.bin";
    // The client's destination, and the prefix that the server behind the proxy never sees.
    for (destination, prefix, expected) in [
        ("https://outside/bits/in/a.bin?x=/y/z", "/bits", format!("https://outside/bits/in/{folder}")),
        ("https://outside/bits/a.bin", "/bits", format!("https://outside/bits/{folder}")),
        ("http://server/a.bin", "", format!("http://server/{folder}")),
        ("http://server/in/", "", format!("http://server/in/{folder}")),
        ("http://server//evil/a.bin", "", format!("http://server//evil/{folder}")),
        ("http://server/{in}/a.bin", "", format!("http://server/{{in}}/{folder}")),
    ] {
        let resolved = url.resolve(&destination.parse().unwrap()).unwrap();
        assert_eq!(resolved, expected.as_str(), "{destination}");
        let behind = resolved.path().strip_prefix(prefix).unwrap();
        assert_eq!(iis_reply_session(behind), Some(SESSION.parse().unwrap()), "{destination}");
    }
}

#[test]
fn a_session_is_read_out_of_the_url_of_its_reply_alone() {
    let id = "C85B4E0A-9EB9-4114-BFA4-8A43B4710091";
    for path in [
        format!("/in/BITS-Sessions/Replies/{{{id}}}/responsefile.bin"),
        format!("BITS-Sessions/Replies/%7b{id}%7d/responsefile.bin"),
        format!("/bits-sessions/REPLIES/%7B{}%7D/ResponseFile.bin", id.to_lowercase()),
        format!(r"BITS-Sessions\Replies\{{{id}}}\responsefile.bin"),
        format!("/in/BITS%2DSessions/Replies/%7B{id}%7D/responsefile.bin"),
    ] {
        assert_eq!(iis_reply_session(&path), Some(SESSION.parse().unwrap()), "{path}");
    }
    for path in [
        String::new(),
        "/".to_owned(),
        "responsefile.bin".to_owned(),
        "/BITS-Sessions/Replies/responsefile.bin".to_owned(),
        "/BITS-Sessions/Replies//responsefile.bin".to_owned(),
        "/BITS-Sessions/Replies/../responsefile.bin".to_owned(),
        "/BITS-Sessions/Replies/%7B..%7D/responsefile.bin".to_owned(),
        format!("/BITS-Sessions/Replies/{{{id}}}/responsefile.bin/"),
        format!("/BITS-Sessions/Replies/{{{id}}}/requestfile.bin"),
        format!("/BITS-Sessions/Requests/{{{id}}}/responsefile.bin"),
        format!("/Replies/BITS-Sessions/{{{id}}}/responsefile.bin"),
        format!("/{{{id}}}/responsefile.bin"),
        format!("/BITS-Sessions/Replies/{{{}}}/responsefile.bin", &id[1..]),
        format!("/BITS-Sessions/Replies/{{{id}}}%00/responsefile.bin"),
        format!("/BITS-Sessions/Replies/%25{{{id}}}/responsefile.bin"),
        format!("/BITS-Sessions/Replies/{{{id}}}/responsefile.bin%FF"),
    ] {
        assert_eq!(iis_reply_session(&path), None, "{path}");
    }
    for session in [Guid::NIL, SESSION.parse().unwrap(), Guid::from_random([0xFF; 16])] {
        let url = iis_reply_url(session).resolve(&"http://server/a/b?c".parse().unwrap()).unwrap();
        assert_eq!(iis_reply_session(url.path()), Some(session));
    }
}

#[test]
fn a_directory_says_whether_and_where_it_notifies() {
    let url: NotificationUrl = "/bitsasp/test.REPLY".parse().unwrap();
    assert!(!Directory::default().notifies());
    assert_eq!(*Directory::default().notification(), NotificationType::None);
    for notification in [NotificationType::ByReference(url.clone()), NotificationType::ByValue(url.clone())] {
        let directory = Directory::builder().notification(notification.clone()).build().unwrap();
        assert!(directory.notifies());
        assert_eq!(*directory.notification(), notification);
        assert_eq!(directory.notification().url(), Some(&url));
    }
}
