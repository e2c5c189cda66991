"""A visit as its websocket sees it, for benchmarks: pages are asked for, buttons pressed, files put into their places."""

import asyncio
import time
from urllib.request import Request, urlopen

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import UploadedFileInfo
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

PATIENCE = 120.0  # seconds for one answer


class Window:
    """One visit: pages are asked for, files put into their places."""

    def __init__(self, address: str, socket: ClientConnection) -> None:
        self.address, self.socket = address, socket
        self.widgets: dict[str, str] = {}  # id -> label, as last drawn
        self.session = ""
        self.told: list[str] = []  # errors of the last view

    async def ask(
        self, page: str, query: str = "", *, files: tuple[str, object] | None = None, press: str = "", typed: tuple[str, str] | None = None
    ) -> float:
        """Seconds until a view stands. files: an uploader and what lies in it; press: a button; typed: a text field; by key or label."""
        message = BackMsg()
        wanted = message.rerun_script
        wanted.page_name, wanted.query_string, wanted.is_history_navigation = page, query, not (files or press or typed)
        if files:
            one = wanted.widget_states.widgets.add(id=self.find(files[0]))
            one.file_uploader_state_value.uploaded_file_info.add().CopyFrom(files[1])
        if typed:
            wanted.widget_states.widgets.add(id=self.find(typed[0])).string_value = typed[1]
        if press:
            wanted.widget_states.widgets.add(id=self.find(press)).trigger_value = True
        return await self.send(message, "script_finished")

    def find(self, name: str) -> str:
        found = [identity for identity, label in self.widgets.items() if name in identity or name == label]
        assert found, (name, self.told)
        return found[-1]

    async def send(self, message: BackMsg, until: str) -> float:
        began, running = time.monotonic(), False
        self.told = []
        await self.socket.send(message.SerializeToString())
        while True:
            said = ForwardMsg.FromString(await asyncio.wait_for(self.socket.recv(), PATIENCE))
            kind = said.WhichOneof("type")
            if kind == "new_session":
                running, self.session = True, said.new_session.initialize.session_id or self.session
            if kind == "delta" and said.delta.WhichOneof("type") == "new_element":
                self.see(said.delta.new_element)
            if kind == "file_urls_response":
                self.urls = said.file_urls_response.file_urls[0]
            if kind == until and (running or until != "script_finished") and said.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return time.monotonic() - began

    def see(self, element: object) -> None:
        kind = element.WhichOneof("type")  # type: ignore[attr-defined]
        inside = getattr(element, kind) if kind else None
        if kind == "alert":
            self.told.append(inside.body)
        if identity := getattr(inside, "id", ""):
            self.widgets[identity] = getattr(inside, "label", "")

    async def upload(self, name: str, content: bytes) -> object:
        """A file as an uploader of the page holds it."""
        message = BackMsg()
        message.file_urls_request.request_id, message.file_urls_request.session_id = "1", self.session
        message.file_urls_request.file_names.append(name)
        await self.send(message, "file_urls_response")
        await asyncio.to_thread(put, self.address + self.urls.upload_url, name, content)
        return UploadedFileInfo(name=name, size=len(content), file_id=self.urls.file_id, file_urls=self.urls)


def put(address: str, name: str, content: bytes) -> None:
    """What a browser does with a dropped file: a form, and the token of its cookie."""
    base = address.split("/_stcore")[0]
    with urlopen(f"{base}/_stcore/health") as answer:
        cookie = next(value.partition(";")[0] for key, value in answer.headers.items() if key == "set-cookie" and "xsrf" in value)
    edge = "an-edge-of-a-form"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
    body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
    says = {"Cookie": cookie, "X-Xsrftoken": cookie.partition("=")[2], "Content-Type": f"multipart/form-data; boundary={edge}"}
    urlopen(Request(address, body, says, method="PUT")).close()


async def opened(address: str) -> Window:
    socket = address.replace("http", "ws", 1) + "/_stcore/stream"
    how = {"subprotocols": ["streamlit"], "origin": address, "max_size": None, "ping_interval": None}
    return Window(address, await connect(socket, **how))
