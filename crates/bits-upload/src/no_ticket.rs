//! Stands for tickets of Kerberos in a program that was built without them.

/// There is none.
#[derive(Debug)]
pub(crate) enum Ticket {}

impl Ticket {
    /// Says what is missing.
    pub(crate) fn new(_host: &str) -> Result<Self, String> {
        Err(match cfg!(unix) {
            true => "a ticket of kinit needs this program built with --features gssapi",
            false => "there are no tickets of Kerberos on this system",
        }
        .to_owned())
    }

    pub(crate) fn answer(&mut self, _token: &[u8]) -> Result<Vec<u8>, String> {
        match *self {}
    }
}

/// Whether there is a ticket that a server may ask for.
pub(crate) const fn is_there() -> bool {
    false
}
