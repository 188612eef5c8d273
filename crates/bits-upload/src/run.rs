//! All uploads of a command line: so many at once, and the worst of their ends.

use std::collections::VecDeque;
use std::fs;
use std::rc::Rc;
use std::sync::Arc;

use bits_http::client::Control;
use serde_json::json;
use tokio::task::{JoinSet, LocalSet};

use crate::job::Job;
use crate::network::Network;
use crate::options::Options;
use crate::printer::complain;
use crate::problem::Problem;
use crate::screen::{Console, shown};
use crate::shared::Shared;
use crate::upload::{run, try_out};
use crate::{resume, sha256};

struct Work {
    options: Options,
    jobs: Shared<VecDeque<Job>>,
    several: bool,
    console: Arc<Console>,
    control: Control,
    worst: Shared<Option<Problem>>,
    is_interrupted: Shared<bool>,
    failed: Shared<usize>,
    all: usize,
}

/// Uploads all files; returns the worst of what happened. What went wrong has been said by then.
pub(crate) async fn all(
    options: Options,
    interrupted: impl Future<Output = ()> + 'static,
) -> Result<(), Problem> {
    let jobs = Job::all(&options)?;
    let total = jobs.iter().filter_map(|job| fs::metadata(&job.file).ok()).map(|file| file.len()).sum();
    let workers = usize::from(options.jobs).min(jobs.len()).max(1);
    let (several, control) = (jobs.len() > 1, Control::default());
    let work = Rc::new(Work {
        console: Arc::new(Console::new(&options, jobs.len(), total)),
        options,
        failed: Shared::default(),
        all: jobs.len(),
        jobs: Shared::new(jobs.into()),
        several,
        control: control.clone(),
        worst: Shared::default(),
        is_interrupted: Shared::default(),
    });
    let local = LocalSet::new();
    let stopped = Rc::clone(&work);
    local.spawn_local(async move {
        interrupted.await;
        *stopped.is_interrupted.lock() = true;
        stopped.control.suspend();
    });
    local.spawn_local(work.options.limit_rate.clone().keep(work.control.clone()));
    local
        .run_until(async {
            let mut running = JoinSet::new();
            for _ in 0..workers {
                running.spawn_local(Rc::clone(&work).go_on());
            }
            while running.join_next().await.is_some() {}
        })
        .await;
    work.console.end();
    let worst = work.worst.lock().take();
    let (failed, all) = (*work.failed.lock(), work.all);
    match worst {
        None => Ok(()),
        Some(worst) if several => {
            Err(worst.summed_up(format_args!("{failed} of {all} files have a problem: see above")))
        }
        Some(worst) => Err(worst),
    }
}

impl Work {
    /// Takes one file after another. Each of these has a connection of its own, since credentials may hold for one.
    async fn go_on(self: Rc<Self>) {
        let network = match Network::new(&self.options) {
            Ok(network) => network,
            Err(problem) => return self.fail(None, problem),
        };
        loop {
            let next = self.jobs.lock().pop_front();
            let Some(job) = next else { return };
            if *self.is_interrupted.lock() {
                return self.fail(
                    Some(&job),
                    Problem::interrupted("interrupted: run the same command again to go on"),
                );
            }
            // One command ends one upload.
            let control = self.control.follower();
            let ended = match self.options.check {
                true => try_out(&job, &self.options, &network, &self.console, control).await,
                false => run(&job, &self.options, &network, &self.console, control).await.map(|done| {
                    self.tell(&job, done.bytes, done.confirmed);
                }),
            };
            if let (true, Some(state)) = (self.options.resume, &job.state) {
                resume::forget(state);
            }
            if let Err(problem) = ended {
                self.fail(Some(&job), problem);
            }
        }
    }

    /// The server has a file.
    fn tell(&self, job: &Job, bytes: u64, confirmed: bool) {
        if !self.several && !self.options.json {
            return;
        }
        let (file, url) = (job.file.display().to_string(), shown(&job.url));
        let sum = sha256::of_file(&job.file).unwrap_or_else(|error| format!("({error})"));
        self.console.object(&json!({
            "event": "completed", "file": file, "url": url, "bytes": bytes, "confirmed": confirmed, "sha256": sum,
        }));
        self.console.note(format_args!("{sum}  {file} -> {url}"));
    }

    fn fail(&self, job: Option<&Job>, problem: Problem) {
        let file = job.map(|job| job.file.display().to_string());
        self.console.object(&json!({
            "event": "failed", "file": file, "status": problem.status(), "text": problem.to_string(),
        }));
        // One upload's problem is said at the end.
        if self.several {
            let file = file.unwrap_or_default();
            complain(format_args!("{file}: {problem}"));
        }
        let mut failed = self.failed.lock();
        *failed = failed.saturating_add(1);
        let mut worst = self.worst.lock();
        if worst.as_ref().is_none_or(|worst| worst.severity() < problem.severity()) {
            *worst = Some(problem);
        }
    }
}
