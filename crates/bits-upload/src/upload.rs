//! One upload: what `bits_http` is told, and what comes of it.

use std::path::Path;
use std::sync::Arc;

use bits_http::client::{Completed, Config, Control, Event, FileSource, Source, check, upload};
use http::header::LOCATION;
use http::{Response, StatusCode};

use crate::credentials::{Answerer, Asker, Auth, Party};
use crate::job::Job;
use crate::network::Network;
use crate::options::Options;
use crate::problem::Problem;
use crate::screen::{Console, Screen};
use crate::shared::Shared;
use crate::wording::{self, Known};

/// Uploads the file; returns once the server has published it, or with the reason why it has not.
pub(crate) async fn run(
    job: &Job,
    options: &Options,
    network: &Network,
    console: &Arc<Console>,
    control: Control,
) -> Result<Completed, Problem> {
    let source = open(&job.file)?;
    let screen = Screen::new(console, job.file.display().to_string(), job.url.clone(), source.size());
    let (screen, known) = (Shared::new(screen), Shared::default());
    let config = config(job, options, network, &screen, &known, control)?;
    let ended = upload(source, job.url.clone(), network, config).await;
    screen.lock().end();
    match ended {
        Ok(completed) => {
            screen.lock().done();
            match completed.confirmed || options.unconfirmed_ok {
                true => Ok(completed),
                false => Err(Problem::unconfirmed(format_args!(
                    "{} was sent, but the server did not confirm that it published it: have a look",
                    job.file.display()
                ))),
            }
        }
        Err(error) => Err(wording::problem(&error, &known.lock(), job, options, network)),
    }
}

/// Everything but the upload: the connection, TLS, credentials, a Ping.
pub(crate) async fn try_out(
    job: &Job,
    options: &Options,
    network: &Network,
    console: &Arc<Console>,
    control: Control,
) -> Result<(), Problem> {
    let source = open(&job.file)?;
    let screen = Screen::new(console, job.file.display().to_string(), job.url.clone(), source.size());
    let (screen, known) = (Shared::new(screen.of_check()), Shared::default());
    let config = config(job, options, network, &screen, &known, control)?;
    let ended = check(source, job.url.clone(), network, config).await;
    screen.lock().end();
    let known = known.lock();
    ended.map_err(|error| wording::problem(&error, &known, job, options, network))?;
    let how = known.authenticated.as_deref().unwrap_or("no credentials");
    let way = network.proxy().map(|proxy| format!(", through the proxy {proxy}")).unwrap_or_default();
    screen.lock().note(format_args!("the server answers a Ping, with {how}{way}: an upload can begin"));
    Ok(())
}

fn open(path: &Path) -> Result<FileSource, Problem> {
    FileSource::open(path).map_err(|error| {
        let remedy = match path.metadata() {
            Ok(found) if found.is_dir() => ": --recursive uploads what is in it",
            Ok(found) if !found.is_file() => ": write what comes out of it into a file, and upload that",
            _ => "",
        };
        Problem::failed(format_args!("{} cannot be read: {error}{remedy}", path.display()))
    })
}

fn config(
    job: &Job,
    options: &Options,
    network: &Network,
    screen: &Shared<Screen>,
    known: &Shared<Known>,
    control: Control,
) -> Result<Config, Problem> {
    let (screen, seen, asked) = (screen.clone(), known.clone(), known.clone());
    let mut server =
        Answerer::new(Party::Server, options.user.clone(), options.auth, network.digests().clone())
            .tickets(options.may_show_tickets());
    let way = network.proxy();
    let proxy_host = way.map(|proxy| proxy.address().0).unwrap_or_default();
    let name = Party::Proxy(way.map(ToString::to_string).unwrap_or_default());
    let user = way.and_then(|proxy| proxy.user.clone());
    let mut proxy = Answerer::new(name, user, Auth::Auto, network.digests().clone());
    let mut config = Config::new()
        .protocol(options.protocol()?)
        .headers(options.headers())
        .host_policy(options.host_policy())
        .reply_limit(options.reply_max.get())
        .reply_give_up_after(options.give_up_after())
        .control(control)
        .on_event(move |event| {
            if let Event::Response(response) = &event {
                seen.lock().location = location(response);
            }
            screen.lock().tell(&event);
        })
        .credentials(move |challenge| {
            let (party, host) = match challenge.status {
                StatusCode::PROXY_AUTHENTICATION_REQUIRED => (&mut proxy, proxy_host.as_str()),
                _ => (&mut server, challenge.url.host().unwrap_or_default()),
            };
            let asker = Asker { host, values: challenge.values, earlier: challenge.earlier };
            match party.answer(&asker) {
                Ok((how, credentials)) => {
                    asked.lock().authenticated = Some(how);
                    Some(credentials)
                }
                Err(what_to_do) => {
                    asked.lock().advice = Some(what_to_do);
                    None
                }
            }
        });
    if let Some((min, max)) = options.retry_delays_if_set() {
        config = config.reply_retry_delays(min, max);
    }
    if let Some(path) = &job.state {
        config = config.state(path);
    }
    if let Some(path) = &job.reply {
        config = config.reply(path);
    }
    Ok(config)
}

/// Where a redirection points to.
fn location(response: &Response<()>) -> Option<String> {
    let location = response.headers().get(LOCATION).filter(|_| response.status().is_redirection())?;
    Some(location.to_str().ok()?.split('?').next().unwrap_or_default().to_owned())
}
