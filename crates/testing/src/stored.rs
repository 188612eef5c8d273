//! Snapshots at rest, in a format for people and in a compact one that does not describe itself.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What comes back from storage; the same in every format.
#[track_caller]
pub fn through_storage<T: Serialize + DeserializeOwned + PartialEq + Debug>(snapshot: &T) -> T {
    let json = serde_json::to_string(snapshot).unwrap();
    let back: T = serde_json::from_str(&json).unwrap();
    assert_eq!(back, *snapshot, "{json}");
    let bytes = postcard::to_allocvec(snapshot).unwrap();
    assert_eq!(postcard::from_bytes::<T>(&bytes).unwrap(), *snapshot, "{json}");
    back
}

/// The snapshot with the value at this place (a JSON pointer) replaced.
#[track_caller]
pub fn forged<T: Serialize + DeserializeOwned>(snapshot: &T, place: &str, value: Value) -> T {
    let mut json = serde_json::to_value(snapshot).unwrap();
    *json.pointer_mut(place).expect("there is such a place") = value;
    serde_json::from_value(json).expect("the form is right, and only the content is not")
}
