// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Templates: attributes with the memory they point to.

use cryptoki_sys::*;

/// The bytes of an attribute value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value(pub Vec<u8>);

/// A list of attributes that owns its values.
#[derive(Clone, Debug, Default)]
pub struct Template {
    attributes: Vec<(CK_ATTRIBUTE_TYPE, Value)>,
}

/// Makes a template: `template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true }`.
macro_rules! template {
    ($($attribute:expr => $value:expr),* $(,)?) => {
        $crate::common::Template::default()$(.with($attribute, $value))*
    };
}
pub(crate) use template;

impl Template {
    /// Adds an attribute.
    pub fn with(mut self, attribute: CK_ATTRIBUTE_TYPE, value: impl Into<Value>) -> Self {
        self.attributes.push((attribute, value.into()));
        self
    }

    /// Sets an attribute, replacing the value it may have.
    pub fn set(self, attribute: CK_ATTRIBUTE_TYPE, value: impl Into<Value>) -> Self {
        self.without(attribute).with(attribute, value)
    }

    /// Removes an attribute.
    pub fn without(mut self, attribute: CK_ATTRIBUTE_TYPE) -> Self {
        self.attributes.retain(|(kind, _)| *kind != attribute);
        self
    }

    /// Adds the attributes of another template.
    pub fn and(mut self, other: &Template) -> Self {
        self.attributes.extend(other.attributes.iter().cloned());
        self
    }

    /// The attributes in order.
    pub fn attributes(&self) -> &[(CK_ATTRIBUTE_TYPE, Value)] {
        &self.attributes
    }

    /// The value of an attribute.
    pub fn value(&self, attribute: CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        let found = self.attributes.iter().find(|(kind, _)| *kind == attribute);
        found.map(|(_, value)| value.0.as_slice())
    }

    /// The C array; it points into this template. An empty value has a NULL pointer.
    pub fn raw(&self) -> Vec<CK_ATTRIBUTE> {
        let row = |(kind, value): &(CK_ATTRIBUTE_TYPE, Value)| CK_ATTRIBUTE {
            type_: *kind,
            pValue: match value.0.is_empty() {
                true => std::ptr::null_mut(),
                false => value.0.as_ptr().cast_mut().cast(),
            },
            ulValueLen: value.0.len() as CK_ULONG,
        };
        self.attributes.iter().map(row).collect()
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value(vec![if value { CK_TRUE } else { CK_FALSE }])
    }
}

impl From<CK_ULONG> for Value {
    fn from(value: CK_ULONG) -> Self {
        Value(value.to_ne_bytes().to_vec())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Value(value.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(value: &[u8; N]) -> Self {
        Value(value.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Value(value)
    }
}

impl From<&Vec<u8>> for Value {
    fn from(value: &Vec<u8>) -> Self {
        Value(value.clone())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value(value.as_bytes().to_vec())
    }
}

impl From<&[CK_ULONG]> for Value {
    fn from(value: &[CK_ULONG]) -> Self {
        Value(value.iter().flat_map(|item| item.to_ne_bytes()).collect())
    }
}
