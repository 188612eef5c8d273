//! Tests of the manual: whatever it names is there, and whatever cites it finds its row.

/// Drawings fit the page, and messages are shown as they are on the wire.
mod blocks;
/// Changelogs have the form that they claim.
mod changelogs;
/// The table of errors is what a server answers.
mod errors;
/// The guide explains every code and tells every setting.
mod guide;
/// The types have what the API review says.
mod guidelines;
/// Every file begins with a noun or a verb.
mod heads;
/// The links of the documentation lead somewhere.
mod links;
/// Every row is cited, and every citation has its row.
mod rows;
/// The files of this repository, as the other modules read them.
mod sources;
/// Every statement of MC-BUP has its code and its test.
mod statements;
