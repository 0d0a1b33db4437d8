// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom key`.

use super::arguments::Common;
use super::arguments::keys::{
    Change, Destroy, Export, ExportKey, Forget, Generate, Import, KeyVerb, New, Object,
};
use super::arguments::options::{Reader, User};
use super::life;
use super::opening::open;
use super::output::{print, show, table, visible, yes};
use super::{confirming, failed, pins, secrets};
use crate::admin::{
    self, Class, Content, Desk, Format, Generation, Outcome, Said, Shown, Step, Summary, Visit,
    Wanted, read_small,
};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub(super) fn run(common: &Common, verb: &KeyVerb) -> Outcome<()> {
    let desk = open(common)?;
    match verb {
        KeyVerb::List { reader, object, destroyed, long, owner, purpose, labels } => {
            let (owner, purpose, labels) = (owner.clone(), purpose.clone(), labels.clone());
            let said = Said { owner, purpose, labels, ..Said::default() };
            let class = object.class.or(destroyed.then_some(Class::Destroyed));
            let wanted = Wanted { said, class, ..wanted(object) };
            let objects = read(&desk, reader)?.objects(&wanted)?;
            show(common, &objects, || match (class, long) {
                (Some(Class::Destroyed), _) => life::destroyed(&objects),
                (_, true) => life::long(&objects),
                (_, false) => list(&objects),
            })
        }
        KeyVerb::Show { reader, object } => show_objects(common, &read(&desk, reader)?, object),
        KeyVerb::Generate(arguments) => generate(common, &desk, arguments),
        KeyVerb::Import(arguments) => import(common, &desk, arguments),
        KeyVerb::ExportPublic(arguments) => export(common, &desk, arguments),
        KeyVerb::Export(arguments) => export_key(common, &desk, arguments),
        KeyVerb::Destroy(arguments) => destroy(common, &desk, arguments),
        KeyVerb::Forget(arguments) => forget(common, &desk, arguments),
        KeyVerb::Activate(change) => step(common, &desk, Step::Activate, change),
        KeyVerb::Suspend(change) => step(common, &desk, Step::Suspend, change),
        KeyVerb::Resume(change) => step(common, &desk, Step::Resume, change),
        KeyVerb::Deactivate(change) => step(common, &desk, Step::Deactivate, change),
        KeyVerb::Compromise(change) => step(common, &desk, Step::Compromise, change),
        KeyVerb::Set(arguments) => {
            let wanted = named(&arguments.object)?;
            let visit = enter(&desk, &arguments.user)?;
            let (said, unset) = (life::said(&arguments.said), &arguments.label_unset);
            let keys = visit.say(&said, unset, &wanted, arguments.all)?;
            show(common, &keys, || life::long(&keys))
        }
    }
}

fn step(common: &Common, desk: &Desk, step: Step, change: &Change) -> Outcome<()> {
    let wanted = named(&change.object)?;
    if step == Step::Compromise && change.reason.is_none() {
        return Err(life::no_reason("a key is said to be compromised"));
    }
    let visit = enter(desk, &change.user)?;
    let changed = visit.step(step, &wanted, change.all, change.reason.as_deref())?;
    show(common, &changed, || life::changed(step, &changed))
}

/// A token as someone who logs in enters it.
pub(super) fn enter<'a>(desk: &'a Desk, user: &User) -> Outcome<Visit<'a>> {
    let token = desk.token(user.token.token.as_deref())?;
    let (holder, pin) = pins::holder(&user.holder, &token)?;
    desk.log_in(&token, &holder, &pin)
}

/// A token as a reader enters it.
pub(super) fn read<'a>(desk: &'a Desk, reader: &Reader) -> Outcome<Visit<'a>> {
    match reader.public {
        true => desk.enter(&desk.token(reader.user.token.token.as_deref())?),
        false => enter(desk, &reader.user),
    }
}

fn wanted(object: &Object) -> Wanted {
    let id = object.id.as_ref().map(|id| id.0.clone());
    Wanted { id, label: object.label.clone(), class: object.class, said: Said::default() }
}

/// What is wanted where one object or a pair must be meant: a class alone is not enough.
fn named(object: &Object) -> Outcome<Wanted> {
    match (&object.id, &object.label) {
        (None, None) => Err(failed(
            "no object is named",
            "name it with --id or --label; 'strongroom key list' shows both",
        )),
        _ => Ok(wanted(object)),
    }
}

fn list(objects: &[Summary]) -> String {
    let row = |object: &Summary| {
        vec![
            object.id.clone(),
            object.label.clone(),
            object.class.map_or("-", Class::name).to_string(),
            object.kind.clone(),
            object.usages.join(","),
            yes(Some(object.private)),
            yes(object.sensitive),
            yes(object.extractable),
            object.state().unwrap_or("-").to_string(),
        ]
    };
    table(HEAD, &objects.iter().map(row).collect::<Vec<_>>())
}

const HEAD: &[&str] =
    &["ID", "LABEL", "CLASS", "TYPE", "USAGES", "PRIVATE", "SENSITIVE", "EXTRACTABLE", "STATE"];

/// An object with all its attributes.
#[derive(Serialize)]
struct Detail {
    #[serde(flatten)]
    summary: Summary,
    attributes: Vec<Shown>,
}

fn show_objects(common: &Common, visit: &Visit<'_>, object: &Object) -> Outcome<()> {
    let found = visit.some_objects(&named(object)?)?;
    let details = found.into_iter().map(|summary| {
        let attributes = visit.show(&summary)?;
        Ok(Detail { summary, attributes })
    });
    let details: Vec<Detail> = details.collect::<Outcome<_>>()?;
    show(common, &details, || details.iter().map(detail).collect::<Vec<_>>().join("\n"))
}

fn detail(detail: &Detail) -> String {
    let mut text = format!("{}\n", visible(&detail.summary.words()));
    for attribute in &detail.attributes {
        let value = match &attribute.value {
            Some(serde_json::Value::String(text)) => visible(text),
            Some(value) => value.to_string(),
            None => "(never shown)".to_string(),
        };
        text.push_str(format!("  {:<30} {value}", attribute.name).trim_end());
        text.push('\n');
    }
    text + &life::due(&detail.summary)
}

fn generation(new: &New) -> Generation {
    Generation {
        label: new.label.clone(),
        id: new.id.as_ref().map(|id| id.0.clone()),
        usages: new.usage.clone(),
        extractable: new.extractable,
        always_authenticate: new.always_authenticate,
        pre_active: new.pre_active,
        said: life::said(&new.said),
    }
}

fn generate(common: &Common, desk: &Desk, arguments: &Generate) -> Outcome<()> {
    let made =
        enter(desk, &arguments.user)?.generate(arguments.kind, &generation(&arguments.new))?;
    show(common, &made, || list(&made))
}

fn import(common: &Common, desk: &Desk, arguments: &Import) -> Outcome<()> {
    // The file first: what is wrong with it should not cost someone a PIN.
    let file = read_small(&arguments.file)?;
    let content = match arguments.kind {
        Some(kind) => Content::secret(kind, file)?,
        None => {
            let named = secrets::named(
                arguments.key_passphrase_file.as_deref(),
                arguments.key_passphrase_env.as_deref(),
            )?;
            let what = "passphrase of the private key";
            let ask = || secrets::typed("Passphrase of the private key: ", what, "key-passphrase");
            Content::read(file.expose(), arguments.class, named, ask)?
        }
    };
    let import =
        admin::Import { new: generation(&arguments.new), private_only: arguments.private_only };
    let made = enter(desk, &arguments.user)?.import(&content, &import)?;
    show(common, &made, || list(&made))
}

fn export(common: &Common, desk: &Desk, arguments: &Export) -> Outcome<()> {
    let wanted = named(&arguments.object)?;
    let exported = read(desk, &arguments.reader)?.export_public(&wanted)?;
    let content = exported.encode(arguments.format);
    match &arguments.out {
        Some(file) => {
            write_new(file, &content, 0o666)?;
            show(common, &exported.object, || {
                format!("{} written to {}\n", visible(&exported.object.words()), file.display())
            })
        }
        None if arguments.format == Format::Der && std::io::stdout().is_terminal() => Err(failed(
            "DER is not for a terminal",
            "name a file with --out, or send the output to one",
        )),
        None => print(&content),
    }
}

fn export_key(common: &Common, desk: &Desk, arguments: &ExportKey) -> Outcome<()> {
    let wanted = named(&arguments.object)?;
    let exported = enter(desk, &arguments.user)?.export_key(&wanted)?;
    write_new(&arguments.out, exported.encode(arguments.format)?.expose(), 0o600)?;
    show(common, &exported.object, || {
        let object = visible(&exported.object.words());
        format!("{object} written in clear to {}\n", arguments.out.display())
    })
}

fn write_new(file: &Path, content: &[u8], mode: u32) -> Outcome<()> {
    let mut options = std::fs::OpenOptions::new();
    let made = options.write(true).create_new(true).mode(mode).open(file);
    made.and_then(|mut file| file.write_all(content)).map_err(|error| {
        failed(
            format!("cannot make {}: {error}", file.display()),
            "name a file that does not exist yet, in a directory where you may make one",
        )
    })
}

fn destroy(common: &Common, desk: &Desk, arguments: &Destroy) -> Outcome<()> {
    let wanted = named(&arguments.object)?;
    let visit = enter(desk, &arguments.user)?;
    let found = match arguments.all {
        true => visit.some_objects(&wanted)?,
        false => vec![visit.one_object(&wanted)?],
    };
    let keeps = |object: &Summary| matches!(object.class, Some(Class::Private | Class::Secret));
    if found.iter().any(keeps) && arguments.reason.is_none() {
        return Err(life::no_reason("a key is destroyed"));
    }
    if !arguments.yes {
        confirm(&found, "destroy")?;
    }
    for object in &found {
        visit.destroy(object, arguments.reason.as_deref().unwrap_or_default())?;
    }
    show(common, &found, || {
        let line = |object: &Summary| format!("destroyed: {}\n", visible(&object.words()));
        found.iter().map(line).collect::<Vec<_>>().concat()
    })
}

fn forget(common: &Common, desk: &Desk, arguments: &Forget) -> Outcome<()> {
    let wanted = Wanted { class: Some(Class::Destroyed), ..named(&arguments.object)? };
    let visit = enter(desk, &arguments.user)?;
    let found = match arguments.all {
        true => visit.some_objects(&wanted)?,
        false => vec![visit.one_object(&wanted)?],
    };
    if !arguments.yes {
        confirm(&found, "forget")?;
    }
    for object in &found {
        visit.forget(object)?;
    }
    show(common, &found, || {
        let line = |object: &Summary| format!("forgotten: {}\n", visible(&object.words()));
        found.iter().map(line).collect::<Vec<_>>().concat()
    })
}

/// Has the label typed: of a key that is destroyed there is no other copy.
fn confirm(found: &[Summary], verb: &str) -> Outcome<()> {
    let about: Vec<_> = found.iter().map(|object| visible(&object.words())).collect();
    let first = found.first();
    let label = first.map(|object| object.label.as_str()).filter(|label| !label.is_empty());
    let name = match label {
        Some(label) => ("label", label),
        None => ("id", first.map_or("", |object| object.id.as_str())),
    };
    confirming::confirm(&about, verb, name)
}
