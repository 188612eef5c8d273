//! Windows authentication: NTLM, and Negotiate with NTLM or Kerberos in it, for one connection at a time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sspi::network_client::NetworkClient;
use sspi::ntlm::NtlmConfig;
use sspi::{
    AuthIdentity, BufferType, ClientRequestFlags, CredentialUse, Credentials, CredentialsBuffers,
    DataRepresentation, Negotiate, NegotiateConfig, Ntlm, SecurityBuffer, Sspi, SspiImpl, Username,
};

use crate::ticket::Ticket;
use crate::user::User;

/// How long a key distribution centre may take.
const KDC_TIME: Duration = Duration::from_secs(10);

/// What a handshake is called in the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Negotiate,
    Ntlm,
}

impl Scheme {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Negotiate => "Negotiate",
            Self::Ntlm => "NTLM",
        }
    }
}

/// A handshake under way: token by token, it proves to the server of one connection who uploads.
#[derive(Debug)]
pub(crate) struct Handshake {
    pub(crate) scheme: Scheme,
    target: String,
    security: Security,
}

#[derive(Debug)]
enum Security {
    Ntlm(Box<Ntlm>, Option<sspi::AuthIdentityBuffers>),
    Negotiate(Box<Negotiate>, Option<CredentialsBuffers>),
    Ticket(Ticket),
}

impl Handshake {
    /// A handshake with the server of this host.
    pub(crate) fn new(scheme: Scheme, user: &User, host: &str) -> Result<Self, String> {
        let identity = AuthIdentity {
            username: Username::parse(&user.name).map_err(|error| error.to_string())?,
            password: user.password().to_owned().into(),
        };
        let security = match scheme {
            Scheme::Ntlm => ntlm(&identity),
            Scheme::Negotiate => negotiate(identity),
        };
        let security = security.map_err(|error| error.to_string())?;
        Ok(Self { scheme, target: format!("HTTP/{}", host.trim_matches(['[', ']'])), security })
    }

    /// A handshake with the server of this host, in the name of the owner of a ticket.
    pub(crate) fn by_ticket(host: &str) -> Result<Self, String> {
        let host = host.trim_matches(['[', ']']);
        let security = Security::Ticket(Ticket::new(host)?);
        Ok(Self { scheme: Scheme::Negotiate, target: format!("HTTP/{host}"), security })
    }

    /// Whether the first answer proves all there is to prove.
    pub(crate) const fn proves_at_once(&self) -> bool {
        matches!(self.security, Security::Ticket(_))
    }

    /// The value of the header that answers this token, which is empty at first.
    pub(crate) fn answer(&mut self, token: &str) -> Result<String, String> {
        let token = BASE64_STANDARD.decode(token).map_err(|error| error.to_string())?;
        let answer = match &mut self.security {
            Security::Ntlm(ntlm, credentials) => step(&mut **ntlm, credentials, token, &self.target),
            Security::Negotiate(negotiate, credentials) => {
                step(&mut **negotiate, credentials, token, &self.target)
            }
            Security::Ticket(ticket) => Ok(ticket.answer(&token)?),
        };
        let answer = answer.map_err(|error| error.to_string())?;
        Ok(format!("{} {}", self.scheme.name(), BASE64_STANDARD.encode(answer)))
    }
}

fn ntlm(identity: &AuthIdentity) -> sspi::Result<Security> {
    let mut ntlm = Ntlm::with_config(NtlmConfig::new(computer()));
    let acquired = ntlm
        .acquire_credentials_handle()
        .with_credential_use(CredentialUse::Outbound)
        .with_auth_data(identity)
        .execute(&mut ntlm)?;
    Ok(Security::Ntlm(Box::new(ntlm), acquired.credentials_handle))
}

fn negotiate(identity: AuthIdentity) -> sspi::Result<Security> {
    let config = NegotiateConfig::new(
        Box::new(NtlmConfig::new(computer())),
        Some("kerberos,ntlm,!pku2u".to_owned()),
        computer(),
    );
    let mut negotiate = Negotiate::new_client(config)?;
    let acquired = negotiate
        .acquire_credentials_handle()
        .with_credential_use(CredentialUse::Outbound)
        .with_auth_data(&Credentials::from(identity))
        .execute(&mut negotiate)?;
    Ok(Security::Negotiate(Box::new(negotiate), acquired.credentials_handle))
}

fn step<S: Sspi + SspiImpl>(
    security: &mut S,
    credentials: &mut S::CredentialsHandle,
    token: Vec<u8>,
    target: &str,
) -> sspi::Result<Vec<u8>> {
    let mut input = [SecurityBuffer::new(token, BufferType::Token)];
    let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
    let mut builder = security
        .initialize_security_context()
        .with_credentials_handle(credentials)
        .with_context_requirements(ClientRequestFlags::MUTUAL_AUTH | ClientRequestFlags::ALLOCATE_MEMORY)
        .with_target_data_representation(DataRepresentation::Native)
        .with_target_name(target)
        .with_input(&mut input)
        .with_output(&mut output);
    security.initialize_security_context_impl(&mut builder)?.resolve_with_client(&Kdc)?;
    let [token] = output;
    Ok(token.buffer)
}

/// The name of this machine that a server may log. It need not be true.
fn computer() -> String {
    std::env::var("COMPUTERNAME")
        .or_else(|_| std::env::var("HOSTNAME"))
        .unwrap_or_else(|_| "CLIENT".to_owned())
}

/// A key distribution centre of Kerberos, over TCP. It is found in `krb5.conf`, or in `SSPI_KDC_URL`.
struct Kdc;

impl NetworkClient for Kdc {
    fn send(&self, request: &sspi::generator::NetworkRequest) -> sspi::Result<Vec<u8>> {
        let failed = |error: &dyn std::fmt::Display| {
            sspi::Error::new(
                sspi::ErrorKind::NoAuthenticatingAuthority,
                format!("the KDC does not answer: {error}"),
            )
        };
        let host = request.url.host_str().unwrap_or_default();
        let address = (host.trim_matches(['[', ']']), request.url.port().unwrap_or(88));
        let mut stream = TcpStream::connect(address).map_err(|error| failed(&error))?;
        stream.set_read_timeout(Some(KDC_TIME)).map_err(|error| failed(&error))?;
        stream.write_all(&request.data).map_err(|error| failed(&error))?;
        let mut length = [0; 4];
        stream.read_exact(&mut length).map_err(|error| failed(&error))?;
        let mut answer = length.to_vec();
        stream
            .take(u64::from(u32::from_be_bytes(length)))
            .read_to_end(&mut answer)
            .map_err(|error| failed(&error))?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, Mac};
    use md5::Md5;

    use super::*;

    /// MS-NLMP 4.2.4.1.1: NTOWFv2 of `User` in `Domain` with `Password`.
    const KEY: [u8; 16] = 0x0c86_8a40_3bfd_7a93_a300_1ef2_2ef0_2e3f_u128.to_be_bytes();
    const SERVER_CHALLENGE: [u8; 8] = 0x0123_4567_89ab_cdef_u64.to_be_bytes();

    /// The names of the published server: `Domain` and `Server`.
    const NAMES: &[u8] = b"\x02\0\x0c\0D\0o\0m\0a\0i\0n\0\x01\0\x0c\0S\0e\0r\0v\0e\0r\0\0\0\0\0";

    /// MS-NLMP 3.3.2: NTProofStr.
    fn proof(blob: &[u8]) -> Vec<u8> {
        let mut code = <Hmac<Md5> as Mac>::new_from_slice(&KEY).unwrap();
        code.update(&SERVER_CHALLENGE);
        code.update(blob);
        code.finalize().into_bytes().to_vec()
    }

    /// MS-NLMP 4.2.4.3: the CHALLENGE_MESSAGE.
    fn challenge() -> Vec<u8> {
        let mut message = b"NTLMSSP\0\x02\0\0\0\x0c\0\x0c\0\x38\0\0\0\x33\x82\x8a\xe2".to_vec();
        message.extend(SERVER_CHALLENGE);
        message.extend(b"\0\0\0\0\0\0\0\0\x24\0\x24\0\x44\0\0\0\x06\0\x70\x17\0\0\0\x0f");
        message.extend(b"S\0e\0r\0v\0e\0r\0");
        message.extend(NAMES);
        message
    }

    /// The part of an AUTHENTICATE_MESSAGE whose length and place stand here.
    fn field(message: &[u8], at: usize) -> &[u8] {
        let number = |at: usize, bytes: usize| {
            message[at..at + bytes].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
        };
        let (length, offset) = (number(at, 2), number(at + 4, 4));
        &message[offset..offset + length]
    }

    #[test]
    fn the_published_proof_is_computed_as_published() {
        let mut blob = b"\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        blob.extend([0xaa; 8]);
        blob.extend([0; 4]);
        blob.extend(NAMES);
        blob.extend([0; 4]);
        // MS-NLMP 4.2.4.2.2.
        assert_eq!(proof(&blob), 0x68cd_0ab8_51e5_1c96_aabc_927b_ebef_6a1c_u128.to_be_bytes());
    }

    #[test]
    fn the_answer_to_the_published_challenge_is_proved_by_the_published_key() {
        for name in ["Domain\\User", "User@Domain"] {
            let mut handshake = Handshake::new(Scheme::Ntlm, &User::new(name, "Password"), "server").unwrap();
            assert!(handshake.answer("").unwrap().starts_with("NTLM TlRMTVNTUAAB"), "{name}");
            let answer = handshake.answer(&BASE64_STANDARD.encode(challenge())).unwrap();
            let message = BASE64_STANDARD.decode(answer.strip_prefix("NTLM ").unwrap()).unwrap();
            assert_eq!(&message[..12], b"NTLMSSP\0\x03\0\0\0");
            let (proved, blob) = field(&message, 20).split_at(16);
            if name.contains('\\') {
                assert_eq!(proved, proof(blob), "{name}");
                assert_eq!(field(&message, 28), b"D\0o\0m\0a\0i\0n\0");
                assert_eq!(field(&message, 36), b"U\0s\0e\0r\0");
            }
            assert_eq!(&blob[..8], b"\x01\x01\0\0\0\0\0\0", "{name}");
        }
    }
}
