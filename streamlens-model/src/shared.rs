//! Values that several places of a result share.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that several places of a result may share. It is read as the value itself, and serializes as it.
///
/// To a serializer it is a newtype of the name [`SHARED`]: one that knows the name can write what it has written before of
/// the value at that address. The address is that of no other shared value as long as the result is borrowed.
///
/// ```
/// use streamlens_model::{Shared, TimingSummary};
/// let timing = Shared::new(TimingSummary { count: 3, ..TimingSummary::default() });
/// assert_eq!(timing.clone().count, 3);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared<T>(Arc<T>);

/// The name under which a [`Shared`] value serializes.
pub const SHARED: &str = "streamlens::Shared";

impl<T> Shared<T> {
    /// A value that can be shared.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(SHARED, &**self)
    }
}

/// Each value that is read stands alone: what was shared when it was written is not known any more.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}
