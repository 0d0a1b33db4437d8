// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `C_DeriveKey`: besides the one handle of the call, a parameter may hold templates of further keys
//! and places that receive handles and public values. They are read and checked here before anything
//! is derived, and written after.

use super::mechanism::{call, parameter};
use super::parameter::{KeyMaterial, Places};
use super::pointer::Pointer;
use super::template;
use crate::error::{Error, Result};
use crate::session::{Derivation, Library};
use crate::types::RawAttribute;
use cryptoki_sys::*;

/// The arguments of the call.
pub(super) struct Arguments {
    pub(super) session: CK_SESSION_HANDLE,
    pub(super) mechanism: Pointer<'static, CK_MECHANISM>,
    pub(super) base: CK_OBJECT_HANDLE,
    pub(super) attributes: Pointer<'static, CK_ATTRIBUTE>,
    pub(super) count: CK_ULONG,
    pub(super) place: Pointer<'static, CK_OBJECT_HANDLE>,
}

/// Derives, and writes back.
pub(super) fn derive(library: &Library, given: &Arguments) -> Result<()> {
    let call = call(given.mechanism)?;
    let kind = call.row.params;
    let places = parameter(given.mechanism)?.places(kind).map_err(as_parameter)?;
    if !places.take_all_handles() {
        given.place.required()?;
    }
    let mut templates = vec![template::read(given.attributes, given.count)?];
    templates.extend(further(&places)?);
    let derived = library.derive_key(given.session as u64, &call, given.base as u64, &templates);
    let made = derived.map_err(|refusal| {
        if let Some(number) = refusal.template {
            blame(&places, number);
        }
        refusal.error
    })?;
    write(&made, &places, given.place)
}

/// The templates of further keys.
fn further<'a>(places: &Places<'a>) -> Result<Vec<Vec<RawAttribute<'a>>>> {
    let Places::Further(keys) = places else { return Ok(Vec::new()) };
    let templates = keys.iter().enumerate().map(|(number, key)| {
        template::read(key.template, key.count).inspect_err(|_| blame(places, number + 1))
    });
    templates.collect()
}

/// Marks the template that is to blame (section "Deriving Additional Keys"). Template 0 is that of
/// the call, which has no such mark.
fn blame(places: &Places<'_>, number: usize) {
    if let (Places::Further(keys), Some(at)) = (places, number.checked_sub(1)) {
        if let Some(key) = keys.get(at) {
            // It is not NULL, as was checked when it was read.
            let _ = key.place.write(CK_INVALID_HANDLE);
        }
    }
}

fn write(
    made: &Derivation,
    places: &Places<'_>,
    place: Pointer<'_, CK_OBJECT_HANDLE>,
) -> Result<()> {
    let mut handles = made.handles.iter().map(|handle| *handle as CK_OBJECT_HANDLE);
    if !places.take_all_handles() {
        place.write(handles.next().ok_or(Error::GeneralError)?)?;
    }
    match places {
        Places::None => Ok(()),
        Places::Version(place) => match made.public.first().map(Vec::as_slice) {
            Some([major, minor]) => place.write(CK_VERSION { major: *major, minor: *minor }),
            _ => Err(Error::GeneralError),
        },
        Places::KeyMaterial(places) => write_material(made, places),
        Places::Further(keys) => {
            keys.iter().zip(handles).try_for_each(|(key, handle)| key.place.write(handle))
        }
    }
}

/// Handles and vectors of a TLS connection, the client's first.
fn write_material(made: &Derivation, places: &KeyMaterial<'_>) -> Result<()> {
    let mut handles = made.handles.iter().map(|handle| *handle as CK_OBJECT_HANDLE);
    let mut next = |there: bool| {
        let handle = if there { handles.next() } else { None };
        handle.unwrap_or(CK_INVALID_HANDLE)
    };
    let mut out = places.out.read()?;
    out.hClientMacSecret = next(places.macs);
    out.hServerMacSecret = next(places.macs);
    out.hClientKey = next(places.keys);
    out.hServerKey = next(places.keys);
    places.out.write(out)?;
    places.ivs.iter().zip(&made.public).try_for_each(|(place, iv)| {
        place.slice_mut(iv.len() as CK_ULONG)?.copy_from_slice(iv);
        Ok(())
    })
}

/// What is wrong with a place is wrong with the parameter.
fn as_parameter(error: Error) -> Error {
    match error {
        Error::ArgumentsBad => Error::MechanismParamInvalid,
        other => other,
    }
}
