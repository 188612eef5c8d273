//! One upload: what `bits_http` is told, and what comes of it.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bits_http::client::{Completed, Config, Control, Event, FileSource, Reqwest, Source, check, upload};
use http::Response;
use http::header::LOCATION;

use crate::credentials::Answerer;
use crate::job::Job;
use crate::options::Options;
use crate::problem::Problem;
use crate::screen::{Console, Screen};
use crate::wording::{self, Known};

/// Uploads the file; returns once the server has published it, or with the reason why it has not.
pub(crate) async fn run(
    job: &Job,
    options: &Options,
    network: &Reqwest,
    console: &Arc<Console>,
    control: Control,
) -> Result<Completed, Problem> {
    let source = open(&job.file)?;
    let screen = Screen::new(console, job.file.display().to_string(), job.url.clone(), source.size());
    let (screen, known) = (Shared::new(screen), Shared::default());
    let config = config(job, options, &screen, &known, control)?;
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
        Err(error) => Err(wording::problem(&error, &known.lock(), job, options)),
    }
}

/// Everything but the upload: the connection, TLS, credentials, a Ping.
pub(crate) async fn try_out(
    job: &Job,
    options: &Options,
    network: &Reqwest,
    console: &Arc<Console>,
    control: Control,
) -> Result<(), Problem> {
    let source = open(&job.file)?;
    let screen = Screen::new(console, job.file.display().to_string(), job.url.clone(), source.size());
    let (screen, known) = (Shared::new(screen), Shared::default());
    let config = config(job, options, &screen, &known, control)?;
    let ended = check(source, job.url.clone(), network, config).await;
    screen.lock().end();
    let known = known.lock();
    ended.map_err(|error| wording::problem(&error, &known, job, options))?;
    let how = known.authenticated.as_deref().unwrap_or("no credentials");
    screen.lock().note(format_args!("the server answers a Ping, with {how}: an upload can begin"));
    Ok(())
}

fn open(path: &Path) -> Result<FileSource, Problem> {
    FileSource::open(path)
        .map_err(|error| Problem::failed(format_args!("{} cannot be read: {error}", path.display())))
}

fn config(
    job: &Job,
    options: &Options,
    screen: &Shared<Screen>,
    known: &Shared<Known>,
    control: Control,
) -> Result<Config, Problem> {
    let (retry_min, retry_max) = options.retry_delays();
    let (screen, seen, asked) = (screen.clone(), known.clone(), known.clone());
    let mut answerer = Answerer::new(options.user.clone(), options.proxy_user.clone(), options.auth);
    let mut config = Config::new()
        .protocol(options.protocol()?)
        .headers(options.headers())
        .host_policy(options.host_policy())
        .reply_limit(options.reply_max.get())
        .reply_patience(retry_min, retry_max, options.give_up_after())
        .control(control)
        .on_event(move |event| {
            if let Event::Response(response) = &event {
                seen.lock().location = location(response);
            }
            screen.lock().tell(&event);
        })
        .credentials(move |challenge| match answerer.answer(challenge) {
            Ok((how, credentials)) => {
                asked.lock().authenticated = Some(how);
                Some(credentials)
            }
            Err(what_to_do) => {
                asked.lock().advice = Some(what_to_do);
                None
            }
        });
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

/// Something that the program and the callbacks of its upload use in turn.
#[derive(Debug, Default)]
pub(crate) struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
