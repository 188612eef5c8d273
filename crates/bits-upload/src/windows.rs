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

    /// The value of the header that answers this token, which is empty at first.
    pub(crate) fn answer(&mut self, token: &str) -> Result<String, String> {
        let token = BASE64_STANDARD.decode(token).map_err(|error| error.to_string())?;
        let answer = match &mut self.security {
            Security::Ntlm(ntlm, credentials) => step(&mut **ntlm, credentials, token, &self.target),
            Security::Negotiate(negotiate, credentials) => {
                step(&mut **negotiate, credentials, token, &self.target)
            }
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
