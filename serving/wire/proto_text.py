"""Reads a small subset of the .proto language into a FileDescriptorProto.

Written so that the messages of the wire are data in readable proto text (serving/wire/schema.py) and need
neither protoc nor generated code that would register the same names in protobuf's default pool, where
TensorFlow registers its own.

Understood: package, import, message (nested), enum, oneof, map, repeated, optional, service with unary rpc,
// comments.
"""

import re
from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)

_TOKEN = re.compile(r"//[^\n]*|\"[^\"]*\"|[\w.]+|[{}()<>=;,\-]")
_SCALARS = {
    name: getattr(FieldDescriptorProto, f"TYPE_{name.upper()}")
    for name in ("double", "float", "int64", "uint64", "int32", "uint32", "bool", "string", "bytes")
}


class ProtoText:
    """One pass over the tokens of one .proto file; type names are resolved later by the descriptor pool's own
    rules."""

    def __init__(self, text: str):
        self._tokens: Iterator[str] = (t for t in _TOKEN.findall(text) if not t.startswith("//"))

    def file(self, name: str) -> FileDescriptorProto:
        """The whole text as the file `name` of syntax proto3."""
        file = FileDescriptorProto(name=name, syntax="proto3")
        for word in self._tokens:
            if word == "package":
                file.package = self._until_semicolon()[0]
            elif word == "import":
                file.dependency.append(self._until_semicolon()[0].strip('"'))
            elif word == "message":
                self._message(file.message_type.add())
            elif word == "enum":
                self._enum(file.enum_type.add())
            elif word == "service":
                self._service(file.service.add(), file.package)
            else:
                raise ValueError(f"{name}: expected a declaration. Received: {word!r}.")
        for message in file.message_type:
            _qualify(message, f".{file.package}", _declared(file))
        return file

    def _until_semicolon(self) -> list[str]:
        return list(iter(self._tokens.__next__, ";"))

    def _open(self) -> str:
        name = next(self._tokens)
        if (brace := next(self._tokens)) != "{":
            raise ValueError(f"Expected '{{' after {name!r}. Received: {brace!r}.")
        return name

    def _message(self, message: DescriptorProto) -> None:
        message.name = self._open()
        while (word := next(self._tokens)) != "}":
            if word == "message":
                self._message(message.nested_type.add())
            elif word == "enum":
                self._enum(message.enum_type.add())
            elif word == "oneof":
                self._oneof(message)
            else:
                self._field(message, word)
        _close_optionals(message)

    def _oneof(self, message: DescriptorProto) -> None:
        index = len(message.oneof_decl)
        message.oneof_decl.add(name=self._open())
        while (word := next(self._tokens)) != "}":
            self._field(message, word).oneof_index = index

    def _field(self, message: DescriptorProto, word: str) -> FieldDescriptorProto:
        field = message.field.add(label=FieldDescriptorProto.LABEL_OPTIONAL)
        if word == "map":
            _, key, _, value, _ = (next(self._tokens) for _ in range(5))
            field.label = FieldDescriptorProto.LABEL_REPEATED
        elif word in ("repeated", "optional"):
            field.label = getattr(FieldDescriptorProto, f"LABEL_{word.upper()}")
            field.proto3_optional = word == "optional"
            word = next(self._tokens)
        field.name, _, number = self._until_semicolon()
        field.number = int(number)
        if word == "map":
            word = _map_entry(message, field.name, key, value)
        _set_type(field, word)
        return field

    def _enum(self, enum: EnumDescriptorProto) -> None:
        enum.name = self._open()
        while (word := next(self._tokens)) != "}":
            enum.value.add(name=word, number=int("".join(self._until_semicolon()[1:])))

    def _service(self, service: ServiceDescriptorProto, package: str) -> None:
        service.name = self._open()
        while next(self._tokens) != "}":  # the word is always "rpc"
            name, _, request, _, _, _, response, _ = self._until_semicolon()
            service.method.add(
                name=name, input_type=f".{package}.{request}", output_type=f".{package}.{response}"
            )


def _set_type(field: FieldDescriptorProto, word: str) -> None:
    if word in _SCALARS:
        field.type = _SCALARS[word]
    else:
        field.type_name = word


def _map_entry(message: DescriptorProto, field_name: str, key: str, value: str) -> str:
    """Adds the nested message that a map field stands for, and returns its name."""
    name = "".join(part.capitalize() for part in field_name.split("_")) + "Entry"
    entry = message.nested_type.add(name=name)
    entry.options.map_entry = True
    for number, (part, word) in enumerate((("key", key), ("value", value)), start=1):
        _set_type(entry.field.add(name=part, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL), word)
    return name


def _close_optionals(message: DescriptorProto) -> None:
    """A proto3 `optional` is a oneof of one; protobuf wants these after the real ones."""
    for field in message.field:
        if field.proto3_optional:
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{field.name}")


def _declared(file: FileDescriptorProto) -> set[str]:
    """Full names of all messages and enums of the file, each with a leading dot."""

    def walk(scope: str, message: DescriptorProto) -> Iterator[str]:
        yield f"{scope}.{message.name}"
        yield from (f"{scope}.{message.name}.{enum.name}" for enum in message.enum_type)
        for nested in message.nested_type:
            yield from walk(f"{scope}.{message.name}", nested)

    names = {f".{file.package}.{enum.name}" for enum in file.enum_type}
    for message in file.message_type:
        names.update(walk(f".{file.package}", message))
    return names


def _qualify(message: DescriptorProto, scope: str, declared: set[str]) -> None:
    """Makes each relative type name of `message` absolute: innermost scope of this file first, else as
    written."""
    scope = f"{scope}.{message.name}"
    for field in message.field:
        if field.type_name:
            field.type_name = _absolute(field.type_name, scope, declared)
    for nested in message.nested_type:
        _qualify(nested, scope, declared)


def _absolute(name: str, scope: str, declared: set[str]) -> str:
    while scope:
        if f"{scope}.{name}" in declared:
            return f"{scope}.{name}"
        scope = scope.rpartition(".")[0]
    return f".{name}"
