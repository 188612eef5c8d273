//! The heads of two uploads by Windows BITS 6.7 to IIS 6.0, as MC-BUP prints them in hexadecimal in its section 4.
//!
//! Only heads: the bodies are left out. What this library reads and writes is compared with them by its tests. The numbers
//! are the order in which they were sent.
//!
//! # An upload
//!
//! MC-BUP §4.1: a Fragment is acknowledged, the upload is suspended and resumed with a Ping, and closed.
//!
//! <div id="upload-01-create-session-req"></div>
//!
//! ## upload/01-create-session.req
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload/01-create-session.req")]
//! ```
//!
//! <div id="upload-02-create-session-ack"></div>
//!
//! ## upload/02-create-session.ack
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload/02-create-session.ack")]
//! ```
//!
//! <div id="upload-03-fragment-req"></div>
//!
//! ## upload/03-fragment.req
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload/03-fragment.req")]
//! ```
//!
//! <div id="upload-04-fragment-ack"></div>
//!
//! ## upload/04-fragment.ack
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload/04-fragment.ack")]
//! ```
//!
//! <div id="upload-05-ping-req"></div>
//!
//! ## upload/05-ping.req
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload/05-ping.req")]
//! ```
//!
//! <div id="upload-06-ping-ack"></div>
//!
//! ## upload/06-ping.ack
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload/06-ping.ack")]
//! ```
//!
//! <div id="upload-07-close-session-req"></div>
//!
//! ## upload/07-close-session.req
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload/07-close-session.req")]
//! ```
//!
//! <div id="upload-08-close-session-ack"></div>
//!
//! ## upload/08-close-session.ack
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload/08-close-session.ack")]
//! ```
//!
//! # An upload with a reply
//!
//! MC-BUP §4.2: the session is moved to another host, the server application is notified by reference and replies, and the
//! client fetches the reply.
//!
//! <div id="upload-reply-01-create-session-req"></div>
//!
//! ## upload-reply/01-create-session.req
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload-reply/01-create-session.req")]
//! ```
//!
//! <div id="upload-reply-02-create-session-ack"></div>
//!
//! ## upload-reply/02-create-session.ack
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload-reply/02-create-session.ack")]
//! ```
//!
//! <div id="upload-reply-03-ping-req"></div>
//!
//! ## upload-reply/03-ping.req
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload-reply/03-ping.req")]
//! ```
//!
//! <div id="upload-reply-04-ping-ack"></div>
//!
//! ## upload-reply/04-ping.ack
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload-reply/04-ping.ack")]
//! ```
//!
//! <div id="upload-reply-05-fragment-req"></div>
//!
//! ## upload-reply/05-fragment.req
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload-reply/05-fragment.req")]
//! ```
//!
//! <div id="upload-reply-06-notification-req"></div>
//!
//! ## upload-reply/06-notification.req
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload-reply/06-notification.req")]
//! ```
//!
//! <div id="upload-reply-07-notification-resp"></div>
//!
//! ## upload-reply/07-notification.resp
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload-reply/07-notification.resp")]
//! ```
//!
//! <div id="upload-reply-08-fragment-ack"></div>
//!
//! ## upload-reply/08-fragment.ack
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload-reply/08-fragment.ack")]
//! ```
//!
//! <div id="upload-reply-09-reply-get-req"></div>
//!
//! ## upload-reply/09-reply-get.req
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload-reply/09-reply-get.req")]
//! ```
//!
//! <div id="upload-reply-10-reply-get-resp"></div>
//!
//! ## upload-reply/10-reply-get.resp
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload-reply/10-reply-get.resp")]
//! ```
//!
//! <div id="upload-reply-11-close-session-req"></div>
//!
//! ## upload-reply/11-close-session.req
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload-reply/11-close-session.req")]
//! ```
//!
//! <div id="upload-reply-12-close-session-ack"></div>
//!
//! ## upload-reply/12-close-session.ack
//!
//! ```text
#![doc = include_str!("../../tests/data/captures/upload-reply/12-close-session.ack")]
//! ```
