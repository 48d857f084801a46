"""The reader of proto text."""

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from serving.wire.proto_text import ProtoText

TEXT = """
// a comment with a { brace
package some.pack;
enum Colour { RED = 0; LOST = -1; }
message Outer {
  message Inner { string name = 1; Colour colour = 2; }
  oneof choice { Inner one = 1; int64 two = 2; }
  map<string, Inner> by_name = 3;
  repeated float values = 4;
  optional bool sure = 5;
  Outer parent = 6;
}
service Talk { rpc Say(Outer) returns (Outer); }
"""


@pytest.fixture
def pool():
    pool = DescriptorPool()
    pool.Add(ProtoText(TEXT).file("x.proto"))
    return pool


def test_names_numbers_and_nesting(pool):
    outer = pool.FindMessageTypeByName("some.pack.Outer")
    assert [(f.name, f.number) for f in outer.fields] == [
        ("one", 1),
        ("two", 2),
        ("by_name", 3),
        ("values", 4),
        ("sure", 5),
        ("parent", 6),
    ]
    assert outer.fields_by_name["one"].message_type.full_name == "some.pack.Outer.Inner"
    assert pool.FindEnumTypeByName("some.pack.Colour").values_by_name["LOST"].number == -1
    assert pool.FindServiceByName("some.pack.Talk").methods[0].input_type.full_name == "some.pack.Outer"


def test_messages_work(pool):
    outer = GetMessageClass(pool.FindMessageTypeByName("some.pack.Outer"))()
    assert not outer.HasField("sure")
    outer.sure = False
    outer.by_name["k"].name = "n"
    outer.two = 7
    assert outer.WhichOneof("choice") == "two"
    back = type(outer).FromString(outer.SerializeToString())
    assert back.HasField("sure")
    assert back.by_name["k"].name == "n"


def test_a_map_is_a_repeated_entry():
    field = ProtoText(TEXT).file("x.proto").message_type[0].field[2]
    assert field.type_name == ".some.pack.Outer.ByNameEntry"
    assert field.label == FieldDescriptorProto.LABEL_REPEATED


def test_nonsense_is_an_error():
    with pytest.raises(ValueError, match=r"expected a declaration. Received: 'banana'"):
        ProtoText("banana").file("x.proto")
