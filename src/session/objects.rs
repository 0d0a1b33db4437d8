// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Objects: made, copied, destroyed, read, changed, found.

use super::asking::Doing;
use super::crypto::ATTEMPTS;
use super::noting::{note, note_beside};
use super::permission::today;
use super::rows::Rows;
use super::{Library, Session};
use crate::call;
use crate::codec;
use crate::error::{Error, Result};
use crate::object::{self, Life, Maker, Object, Reading, Template, Transition, Value};
use crate::object::{attribute, separation};
use crate::policy::rules::Operation;
use crate::policy::{self, Group, Use, life};
use crate::safety::Safeguard;
use crate::secret;
use crate::types::{Holder, RawAttribute, Role};
use cryptoki_sys::*;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

/// An object as an application may see it.
pub struct View(Arc<Object>);

impl View {
    /// An attribute, or why it is not shown.
    pub fn read(&self, id: CK_ATTRIBUTE_TYPE) -> Reading<'_> {
        self.0.read(id)
    }

    /// The state that a key was put into, and its days.
    pub fn life(&self) -> &Life {
        self.0.life()
    }

    /// What a key may be used for today, by its usage attributes and its life.
    pub fn uses(&self) -> impl Iterator<Item = Use> + '_ {
        let today = today();
        let stands = move |usage: &Use| policy::stands(&self.0, *usage, today);
        Use::ALL.into_iter().filter(stands)
    }
}

/// A search in progress: what was found, and the rows that are yet to be looked at.
pub(super) struct Find {
    template: Template,
    found: VecDeque<u64>,
    rows: Rows,
}

impl Library {
    /// `C_CreateObject`.
    pub fn create_object(&self, handle: u64, template: &[RawAttribute<'_>]) -> Result<u64> {
        let session = self.admitted(handle, Group::Create)?;
        let template = session.template(template)?;
        let object = object::create(&template, session.maker()?)?;
        session.keep(Group::Create, object, Doing(Operation::Import, None))
    }

    /// `C_CopyObject`.
    pub fn copy_object(
        &self,
        handle: u64,
        object: u64,
        template: &[RawAttribute<'_>],
    ) -> Result<u64> {
        let session = self.admitted(handle, Group::Copy)?;
        let template = Template::parse(template)?;
        let maker = session.maker()?;
        for _ in 0..ATTEMPTS {
            let (entry, original) = self.made(&session, object)?;
            note(&original);
            session.slot.admit_object(Group::Copy, original.on_token())?;
            let copy = object::copy(&original, &template, maker)?;
            let doing = Doing(Operation::Copy, None);
            session.may_keep_all(Group::Copy, &[&copy], doing)?;
            // Two keys of one value must not come to be used for what one may not.
            let separate = maker.lifted.stands(Safeguard::SeparateUsages);
            match separation::decided_by_copy(&original).filter(|_| separate) {
                Some(class) => session.slot.decide(&entry, &original, class)?,
                None => {
                    session.ask_becoming(&original, &copy, doing)?;
                    match session.keep(Group::Copy, copy, doing) {
                        Err(Error::KeysRenewed) => session.slot.let_go(&entry),
                        kept => return kept,
                    }
                }
            }
        }
        Err(Error::FunctionFailed)
    }

    /// `C_DestroyObject`.
    pub fn destroy_object(&self, handle: u64, object: u64) -> Result<()> {
        self.destroy_for(handle, object, "")
    }

    /// The same for a reason, which stays on record with what is left of a key.
    pub fn destroy_for(&self, handle: u64, object: u64, reason: &str) -> Result<()> {
        let session = self.admitted(handle, Group::Destroy)?;
        let (entry, found) = self.made(&session, object)?;
        note(&found);
        session.slot.admit_object(Group::Destroy, found.on_token())?;
        policy::may_write(&found, session.slot.role(), session.read_write)?;
        if !found.attributes().flag(CKA_DESTROYABLE) {
            return Err(Error::ActionProhibited);
        }
        session.ask(&found, Doing(Operation::Destroy, None))?;
        let now = codec::utc_digits(SystemTime::now());
        let left = object::tombstone(&found, &now, &session.who(), reason)?;
        session.slot.destroy(object, &entry, left)?;
        session.forget(&found);
        drop(found);
        secret::wipe_stacks();
        Ok(())
    }

    /// Forgets a key that was destroyed.
    pub fn forget_object(&self, handle: u64, object: u64) -> Result<()> {
        let session = self.admitted(handle, Group::Destroy)?;
        let (entry, found) = self.made(&session, object)?;
        note(&found);
        session.slot.admit_object(Group::Destroy, found.on_token())?;
        policy::may_write(&found, session.slot.role(), session.read_write)?;
        if !found.is_tombstone() {
            return Err(Error::ActionProhibited);
        }
        session.slot.destroy(object, &entry, None)
    }

    /// `C_GetObjectSize`.
    pub fn object_size(&self, handle: u64, object: u64) -> Result<usize> {
        let session = self.admitted(handle, Group::Read)?;
        Ok(self.seen(&session, object)?.size())
    }

    /// `C_GetAttributeValue`: the object, for the caller to read attribute by attribute.
    pub fn view(&self, handle: u64, object: u64) -> Result<View> {
        let session = self.admitted(handle, Group::Read)?;
        self.seen(&session, object).map(View)
    }

    /// That these attributes of an object are about to be given to the caller: where one is the value of
    /// a key, that is recorded first.
    pub fn disclosing(
        &self,
        handle: u64,
        view: &View,
        ids: impl Iterator<Item = CK_ATTRIBUTE_TYPE>,
    ) -> Result<()> {
        let secret =
            |id: &CK_ATTRIBUTE_TYPE| matches!(view.read(*id), Reading::Value(Value::Secret(_)));
        let secret: Vec<_> = ids.filter(|id| view.0.is_key() && secret(id)).collect();
        if secret.is_empty() {
            return Ok(());
        }
        note(&view.0);
        secret.into_iter().filter_map(attribute::name).for_each(call::changes);
        self.session(handle)?.slot.vault.act()
    }

    /// `C_SetAttributeValue`.
    pub fn set_attributes(
        &self,
        handle: u64,
        object: u64,
        template: &[RawAttribute<'_>],
    ) -> Result<()> {
        let session = self.admitted(handle, Group::Change)?;
        let (entry, old) = self.made(&session, object)?;
        note(&old);
        session.slot.admit_object(Group::Change, old.on_token())?;
        policy::may_write(&old, session.slot.role(), session.read_write)?;
        let template = Template::parse(template)?;
        let changed = template.iter().filter_map(|(id, _)| attribute::name(*id));
        changed.for_each(call::changes);
        let narrows = life::transition(&old, &template)?;
        let transition = narrows.map(|narrows| session.transition(narrows));
        let new = object::modify(&old, &template, transition.as_ref(), session.maker()?)?;
        session.ask_becoming(&old, &new, Doing(Operation::Change, None))?;
        session.slot.replace(&entry, &old, new)
    }

    /// `C_FindObjectsInit`.
    pub fn find_init(&self, handle: u64, template: &[RawAttribute<'_>]) -> Result<()> {
        self.with_state(handle, |session, state| {
            session.slot.present()?;
            session.slot.admit(Group::Read)?;
            if state.find.is_some() {
                return Err(Error::OperationActive);
            }
            state.find = Some(Box::new(self.begin_find(session, template)?));
            Ok(())
        })
    }

    /// `C_FindObjects`: at most `most` more. Rows are read as they are asked for, so that a search
    /// of a large token costs what the caller takes of it.
    pub fn find(&self, handle: u64, most: usize) -> Result<Vec<u64>> {
        self.with_state(handle, |session, state| {
            let find = state.find.as_mut().ok_or(Error::OperationNotInitialized)?;
            session.slot.present()?;
            let mut batch = Vec::new();
            while batch.len() < most {
                if let Some(handle) = find.found.pop_front() {
                    // A logout or a closed session since the search began took some away.
                    batch.extend(self.seen(session, handle).is_ok().then_some(handle));
                } else if let Some(row) = session.slot.next_row(&mut find.rows)? {
                    batch.extend(session.slot.row_if_matches(row, &find.template)?);
                } else {
                    break;
                }
            }
            Ok(batch)
        })
    }

    /// `C_FindObjectsFinal`.
    pub fn find_final(&self, handle: u64) -> Result<()> {
        self.with_state(handle, |_, state| {
            state.find.take().map(drop).ok_or(Error::OperationNotInitialized)
        })
    }
}

impl Library {
    fn begin_find(&self, session: &Session, template: &[RawAttribute<'_>]) -> Result<Find> {
        let nothing =
            Find { template: Template::parse(&[])?, found: VecDeque::new(), rows: Rows::none() };
        let Some(template) = Template::parse_search(template)? else { return Ok(nothing) };
        let slot = &session.slot;
        let wants = |token| template.attributes().bool(CKA_TOKEN).is_none_or(|on| on == token);
        let mut found = self.search_builtins(session, &template)?;
        if wants(false) {
            found.extend(slot.search_sessions(&template));
        }
        let rows = if wants(true) { slot.search(&template)? } else { Rows::none() };
        Ok(Find { template, found: found.into(), rows })
    }
}

impl Session {
    /// What is recorded of a change of state that this session makes now.
    fn transition(&self, narrows: bool) -> Transition {
        Transition { narrows, since: codec::utc_digits(SystemTime::now()), by: self.who() }
    }

    /// Who works in this session: the role that is logged in, and the user of the machine.
    fn who(&self) -> String {
        let login = self.slot.login();
        let role = login.as_ref().map_or("nobody", |login| login.role.name());
        let name = match login.as_ref().map(|login| &login.holder) {
            Some(Holder::Named(name)) => format!(" {name}"),
            _ => String::new(),
        };
        format!("{role}{name}, uid {}", rustix::process::getuid().as_raw())
    }

    /// Who makes and changes objects here.
    pub(super) fn maker(&self) -> Result<Maker> {
        let so = self.slot.role() == Some(Role::So);
        Ok(Maker { so, lifted: self.slot.ground()?.lifted })
    }

    /// The template of a new object.
    pub(super) fn template(&self, raw: &[RawAttribute<'_>]) -> Result<Template> {
        let mut template = Template::parse(raw)?;
        self.settle(&mut template);
        Ok(template)
    }

    /// Before anyone has logged in, keys that end with the session are public unless the template says
    /// otherwise: programs derive and encrypt with keys of their own without a PIN.
    pub(super) fn settle(&self, template: &mut Template) {
        if self.slot.role().is_none() {
            template.in_public();
        }
    }

    /// Keeps a new object where its attributes say, if the caller may: the functions of this group made
    /// it.
    pub(super) fn keep(&self, group: Group, object: Object, doing: Doing) -> Result<u64> {
        let handles = self.keep_all(group, vec![object], doing)?;
        Ok(handles.first().copied().unwrap_or_default())
    }

    /// Keeps new objects, all or none.
    pub(super) fn keep_all(
        &self,
        group: Group,
        objects: Vec<Object>,
        doing: Doing,
    ) -> Result<Vec<u64>> {
        self.may_keep_all(group, &objects.iter().collect::<Vec<_>>(), doing)?;
        // Of a pair the private key is the one that it is about.
        objects.iter().rev().for_each(note_beside);
        self.slot.add(self.handle, objects)
    }

    /// Whether the caller may keep new objects where their attributes say.
    pub(super) fn may_keep_all(
        &self,
        group: Group,
        objects: &[&Object],
        doing: Doing,
    ) -> Result<()> {
        let ground = self.slot.ground()?;
        objects.iter().try_for_each(|object| {
            policy::may_write(object, self.slot.role(), self.read_write)?;
            policy::may_rest(object, self.slot.token.separation)?;
            self.slot.admit_object(group, object.on_token())?;
            self.asks(object, doing, &ground).map(drop)
        })
    }
}
