// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom metrics` and `strongroom watch`.

use super::arguments::Common;
use super::arguments::watching::{Metrics, Watch};
use super::failed;
use super::opening::{configuration, open, open_configured};
use super::output::{complain, print, say, visible};
use super::pins::holder;
use crate::admin::{self, Heard, Meter, Outcome, Replay, Server};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(super) fn metrics(common: &Common, arguments: &Metrics) -> Outcome<()> {
    let config = configuration(common)?;
    let desk = (!arguments.log_only).then(|| open_configured(common, &config)).transpose()?;
    let named = &arguments.holder;
    let pin = named.pin.pin_file.is_some() || named.pin.pin_env.is_some() || named.user.is_some();
    let visit = match desk.as_ref().filter(|_| pin || arguments.token.token.is_some()) {
        None => None,
        Some(desk) => {
            let token = desk.token(arguments.token.token.as_deref())?;
            let (whose, pin) = holder(named, &token)?;
            Some(desk.log_in(&token, &whose, &pin)?)
        }
    };
    let meter = Meter::new(&config, desk.as_ref(), visit);
    match (&arguments.listen, &arguments.output) {
        (Some(address), _) => {
            let stop = told_to_end()?;
            let server = Server::listen(*address)?;
            say(&format!("metrics are at http://{}/metrics", server.address()?));
            server.serve(&meter, &stop);
            Ok(())
        }
        (None, Some(file)) => replace(file, &meter.text()?),
        (None, None) => print(meter.text()?.as_bytes()),
    }
}

/// Under another name first: nobody reads half of it.
fn replace(file: &Path, text: &str) -> Outcome<()> {
    let mut name = file.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".new-{}", std::process::id()));
    let temporary = file.with_file_name(name);
    let made = std::fs::File::create_new(&temporary)
        .and_then(|mut new| {
            new.write_all(text.as_bytes())?;
            new.sync_all()
        })
        .and_then(|()| std::fs::rename(&temporary, file));
    made.map_err(|error| {
        // What is left of it is of no use to anybody.
        let _ = std::fs::remove_file(&temporary);
        failed(
            format!("cannot write {}: {error}", file.display()),
            "name a file in a directory that you may write",
        )
    })
}

pub(super) fn watch(common: &Common, arguments: &Watch) -> Outcome<()> {
    let desk = open(common)?;
    let hear = |heard: &Heard<'_>| hear(common, heard);
    if arguments.replay {
        let moment = |text: &Option<String>| text.as_deref().map(admin::moment).transpose();
        let wanted = Replay {
            log: arguments.log.as_deref(),
            policy: arguments.policy.as_deref(),
            from: moment(&arguments.from)?,
            to: moment(&arguments.to)?,
        };
        return admin::replay_alarms(&desk, &wanted, hear);
    }
    let stop = told_to_end()?;
    let mut watch = admin::Watch::begin(&desk, &stop)?;
    if watch.alarms() == 0 {
        say(
            "no policy of a token has an alarm yet ([[alarm]], docs/alarms.md); one that is set is seen",
        );
    }
    let mut said = String::new();
    while !stop.load(Ordering::Acquire) {
        match watch.look(hear) {
            Ok(()) => said.clear(),
            Err(failure) if arguments.once => return Err(failure),
            // What goes on is said once.
            Err(failure) if failure.what == said => {}
            Err(failure) => {
                complain(&failure);
                said = failure.what;
            }
        }
        if arguments.once {
            break;
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn hear(common: &Common, heard: &Heard<'_>) -> Outcome<()> {
    let raised = heard.raised;
    let line = match common.json {
        true => serde_json::to_string(raised).unwrap_or_default(),
        false => visible(&format!(
            "{} alarm '{}' ({}), token {}, record {}: {}",
            raised.time, raised.alarm, raised.when, raised.token, raised.seq, raised.what
        )),
    };
    print(format!("{line}\n").as_bytes())?;
    for (name, why) in &heard.failed {
        say(&visible(&format!(
            "strongroom: alarm '{}' was not told to '{name}': {why}",
            raised.alarm
        )));
        say("  next: mend it; the alarm is in the audit log, and is not told again");
    }
    Ok(())
}

/// Becomes true when the process is told to end, by SIGTERM or SIGINT; a second one ends it at once.
fn told_to_end() -> Outcome<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        let second = signal_hook::flag::register_conditional_default(signal, stop.clone());
        let first = second.and_then(|_| signal_hook::flag::register(signal, stop.clone()));
        first.map_err(|error| {
            failed(
                format!("cannot listen to signals: {error}"),
                "look at the limits of this process",
            )
        })?;
    }
    Ok(stop)
}

const PAUSE: Duration = Duration::from_millis(500);
