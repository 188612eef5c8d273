//! The program as a user runs it.
//!
//! | module | what is tested |
//! |---|---|
//! | [`uploads`] | files arrive, whatever their size and whatever happens on the way |
//! | [`resuming`] | whatever ends the program, the next run goes on in the same session |
//! | [`failures`] | every failure is one line that says what to do, and an exit status |
//! | [`files`] | the files of the command line |
//! | [`passwords`] | names and passwords |
//! | [`tls`] | certificates |
//! | [`remedies`] | what trying again cannot heal ends at once |
//! | [`replies`] | what a server application replies |
//! | [`languages`] | TLS that does not fit, and ports that speak another language |
//! | [`proxies`] | proxies on the way |
//! | [`keeping`] | what was uploaded is never thrown away |
//! | [`habits`] | foreign servers and boxes |
//! | [`hosts`] | other hosts that a server names |
//! | [`sources`] | files that change, or are not what they seem |
//! | [`readme`] | what the README shows |
//! | [`settings`] | files, the environment, shells and programs |
//! | [`many`] | several files |
//! | [`socks`] | proxies that know nothing of HTTP |
//! | [`digest`] | Digest, at Apache |
//! | `tickets` | tickets of Kerberos, at Apache |
//! | [`windows`] | NTLM and Kerberos, at Apache |

#[cfg(target_os = "linux")]
mod acceptors;
mod boxes;
mod common;
#[cfg(target_os = "linux")]
mod digest;
mod failures;
#[cfg(unix)]
mod files;
mod habits;
mod hosts;
#[cfg(unix)]
mod keeping;
mod languages;
#[cfg(unix)]
mod many;
mod passwords;
mod proxies;
#[cfg(unix)]
mod readme;
mod remedies;
mod replies;
#[cfg(unix)]
mod resuming;
#[cfg(unix)]
mod settings;
mod socks;
#[cfg(unix)]
mod sources;
#[cfg(all(target_os = "linux", feature = "gssapi"))]
mod tickets;
mod tls;
mod uploads;
#[cfg(target_os = "linux")]
mod windows;
