import { Modal } from "@mantine/core";
import type { ReactNode } from "react";

interface DialogProps {
  title: string;
  close: () => void;
  size?: string;
  children: ReactNode;
}

// What lies over the screen until it is answered or closed. Its head is no banner of the page's.
export function Dialog({ title, close, size = "md", children }: DialogProps) {
  return (
    <Modal.Root opened onClose={close} size={size} centered={size === "md"}>
      <Modal.Overlay />
      <Modal.Content>
        <Modal.Header role="presentation">
          <Modal.Title>{title}</Modal.Title>
          <Modal.CloseButton aria-label="Close" />
        </Modal.Header>
        <Modal.Body>{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
