import pytest

from core.mail.parameters import read_parameterized


@pytest.mark.parametrize(
    ("value", "keyword", "parameters"),
    [
        ("text/plain", "text/plain", {}),
        ("Text/Plain; Charset=UTF-8 ; format=flowed", "text/plain", {"charset": "UTF-8", "format": "flowed"}),
        ('attachment; filename="a;b=\\"c\\".txt"; size=3', "attachment", {"filename": 'a;b="c".txt', "size": "3"}),
        ("attachment; filename=my file.pdf", "attachment", {"filename": "my file.pdf"}),
        ("attachment; filename=x; filename*=utf-8'de'%C3%BC.txt", "attachment", {"filename": "ü.txt"}),
        ("a/b; n*0=one; n*1=two; n*10=last; n*2=three", "a/b", {"n": "onetwothreelast"}),
        ("a/b; n*0*=utf-8''%C3; n*1*=%BC", "a/b", {"n": "ü"}),
        ("a/b; n=first; n=second", "a/b", {"n": "first"}),
        # Sections that stand twice, lack their beginning or have the whole beside them.
        ("a/b; n*0=one; n*1=two; n*0=bad; n*1=worse", "a/b", {"n": "onetwo"}),
        ("a/b; n=plain; n*1=two; n*2=three", "a/b", {"n": "plain"}),
        ("a/b; n*1=two; n*2=three", "a/b", {"n": "twothree"}),
        ("a/b; n*0*=utf-8''one; n*1=two; n*=utf-8''%C3%BC", "a/b", {"n": "ü"}),
        ("a/b; n*=utf-8'%C3%BC", "a/b", {"n": "ü"}),
        ("a/b; n*=it's", "a/b", {"n": "it's"}),
        (
            'a/b; n="C:\\TEMP\\new.png"; m="\\\\server\\x"; o="C:\\\\y"',
            "a/b",
            {"n": "C:\\TEMP\\new.png", "m": "\\\\server\\x", "o": "C:\\y"},
        ),
        # A semicolon is forgotten before the first parameter, or behind one in quotes.
        ('multipart/mixed boundary="b"', "multipart/mixed", {"boundary": "b"}),
        ("text/plain\tcharset = utf-8; format=flowed", "text/plain", {"charset": "utf-8", "format": "flowed"}),
        ('a/b; n="one" m="two"; o=3', "a/b", {"n": "one", "m": "two", "o": "3"}),
        ('a/b; n="one" two; o=3', "a/b", {"n": "one", "o": "3"}),
        ("text/(what)plain (really); charset=utf-8", "text/plain", {"charset": "utf-8"}),
        (";;;", "", {}),
        ('a/b; =x; "y"; z', "a/b", {"x": "", "y": "", "z": ""}),
        (None, "", {}),
    ],
)
def test_parameters_are_read_as_they_are_written(value: str | None, keyword: str, parameters: dict[str, str]) -> None:
    read = read_parameterized(value)
    assert (read.value, {name: text for name, text in read.parameters.items() if text}) == (
        keyword,
        {name: text for name, text in parameters.items() if text},
    )


def test_an_absent_parameter_is_empty() -> None:
    assert read_parameterized("a/b").get("charset") == ""
