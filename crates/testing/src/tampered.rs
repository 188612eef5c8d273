//! JSON that was tampered with.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

/// What is done to one place of a value.
#[derive(Clone, Debug)]
enum Change {
    Replace(Value),
    /// By what stands somewhere in another snapshot.
    Transplant(Index, Index),
    Remove,
}

fn change() -> impl Strategy<Value = Change> {
    let number = prop_oneof![
        0u64..4,
        45u64..55,
        95u64..105,
        select(vec![200u64, 403, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, u64::MAX]),
    ];
    let value = prop_oneof![
        4 => number.prop_map(|number| json!(number)),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => select(vec!["", "/", "Opening", "Open", "Publish", "Close", "Due", "\0"]).prop_map(|text| json!(text)),
    ];
    prop_oneof![
        3 => value.prop_map(Change::Replace),
        4 => any::<(Index, Index)>().prop_map(|(from, place)| Change::Transplant(from, place)),
        1 => Just(Change::Remove),
    ]
}

/// One of these values with a few changes in it.
pub fn tampered(values: Vec<Value>) -> impl Strategy<Value = Value> {
    (any::<Index>(), vec((any::<Index>(), change()), 1..4)).prop_map(move |(which, changes)| {
        let mut value = which.get(&values).clone();
        for (place, change) in changes {
            let places = places(&value);
            let place = place.get(&places).as_str();
            match change {
                Change::Replace(new) => *value.pointer_mut(place).unwrap() = new,
                Change::Transplant(from, other) => {
                    let from = from.get(&values);
                    // At the same place, where there is one: so that more than nonsense comes out.
                    let same = from.pointer(place);
                    let elsewhere: Vec<String> = self::places(from);
                    let other = from.pointer(other.get(&elsewhere).as_str());
                    *value.pointer_mut(place).unwrap() = same.or(other).unwrap().clone();
                }
                Change::Remove => remove(&mut value, place),
            }
        }
        value
    })
}

/// The places in a value, as JSON pointers, its own included.
fn places(value: &Value) -> Vec<String> {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    let own = [String::new()];
    let deeper = below
        .into_iter()
        .flat_map(|(name, value)| places(value).into_iter().map(move |place| format!("/{name}{place}")));
    own.into_iter().chain(deeper).collect()
}

fn remove(value: &mut Value, place: &str) {
    let Some((parent, name)) = place.rsplit_once('/') else { return };
    if let Some(fields) = value.pointer_mut(parent).and_then(Value::as_object_mut) {
        let _removed: Option<Value> = Map::remove(fields, name);
    }
}
