// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The one output type: PKCS #11, section 5.2, "Conventions for functions returning output in a
//! variable-length buffer". The rule itself is in `session/operation.rs`; here is the memory.

use super::pointer::Pointer;
use crate::error::{Error, Result};
use crate::types::Output;
use cryptoki_sys::*;
use std::ops::Deref;
use zeroize::Zeroizing;

/// An output buffer and the place of its length.
pub(super) struct Out<'a> {
    buffer: Pointer<'a, CK_BYTE>,
    capacity: CK_ULONG,
    length: Pointer<'a, CK_ULONG>,
}

impl<'a> Out<'a> {
    /// A buffer (NULL asks for the length) and where its length stands, which must not be NULL.
    pub(super) fn new(
        buffer: Pointer<'a, CK_BYTE>,
        length: Pointer<'a, CK_ULONG>,
    ) -> Result<Out<'a>> {
        Ok(Out { buffer, capacity: length.read()?, length })
    }

    /// Input of a call that may write its output over it: copied where the two overlap, because
    /// memory must not be read and written through two slices at once.
    pub(super) fn input<'b>(&self, data: Pointer<'b, CK_BYTE>, len: CK_ULONG) -> Result<Input<'b>> {
        let slice = data.slice(len)?;
        if self.overlaps(slice) {
            let mut copy = Zeroizing::new(Vec::new());
            copy.try_reserve_exact(slice.len()).map_err(|_| Error::HostMemory)?;
            copy.extend_from_slice(slice);
            return Ok(Input::Copied(copy));
        }
        Ok(Input::Apart(slice))
    }

    /// Whether the buffer shares memory with `input`.
    fn overlaps(&self, input: &[u8]) -> bool {
        if self.buffer.is_null() || input.is_empty() {
            return false;
        }
        let out = self.buffer.raw() as usize;
        let input = input.as_ptr_range();
        out < input.end as usize
            && (input.start as usize) < out.saturating_add(self.capacity as usize)
    }
}

impl Output for Out<'_> {
    fn capacity(&self) -> Option<usize> {
        (!self.buffer.is_null()).then_some(self.capacity as usize)
    }

    fn room(&mut self, len: usize) -> &mut [u8] {
        let fits = self.capacity().is_some_and(|capacity| len <= capacity);
        let len = if fits { len as CK_ULONG } else { 0 };
        self.buffer.slice_mut(len).unwrap_or_default()
    }

    fn set_len(&mut self, len: usize) {
        // The pointer was read through in `new`, so it is not NULL.
        let _ = self.length.write(len as CK_ULONG);
    }
}

/// A list of values for a caller that first asks how many there are.
pub(super) fn list<T: Copy>(
    values: &[T],
    buffer: Pointer<'_, T>,
    count: Pointer<'_, CK_ULONG>,
) -> Result<()> {
    let room = count.read()?;
    count.write(values.len() as CK_ULONG)?;
    if buffer.is_null() {
        return Ok(());
    }
    if (room as usize) < values.len() {
        return Err(Error::BufferTooSmall);
    }
    buffer.slice_mut(values.len() as CK_ULONG)?.copy_from_slice(values);
    Ok(())
}

/// At most `most` values, as many as there are.
pub(super) fn batch(
    most: CK_ULONG,
    buffer: Pointer<'_, CK_ULONG>,
    count: Pointer<'_, CK_ULONG>,
    take: impl FnOnce(usize) -> Result<Vec<u64>>,
) -> Result<()> {
    let room = buffer.slice_mut(most)?;
    let values = take(room.len())?;
    for (place, value) in room.iter_mut().zip(&values) {
        *place = *value as CK_ULONG;
    }
    count.write(values.len() as CK_ULONG)
}

/// Input bytes of a call.
pub(super) enum Input<'a> {
    /// Where the application has them.
    Apart(&'a [u8]),
    /// A copy, because the output overlaps them.
    Copied(Zeroizing<Vec<u8>>),
}

impl Deref for Input<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Input::Apart(slice) => slice,
            Input::Copied(copy) => copy,
        }
    }
}
